import io
import os
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from classifier import registry
from classifier.models import Batch, Prediction, TrainingRun

pytestmark = pytest.mark.django_db
TWO_HOURS_AGO = time.time() - 7200


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    def prune(**options):
        out = io.StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            call_command("prune_media", stdout=out, **options)
        return out.getvalue()

    return prune


@pytest.fixture
def put(media):
    """Put a file below the media folder, two hours ago if nothing else is said."""

    def make(name, at=TWO_HOURS_AGO):
        path = media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        for each in (path, path.parent):
            os.utime(each, (at, at))
        return path

    return make


@pytest.fixture
def kept(post):
    """An upload of two hours ago."""
    found = Prediction.objects.get(pk=post().json()["id"])
    Prediction.objects.update(created_at=timezone.now() - timedelta(hours=2))
    os.utime(found.upload.path, (TWO_HOURS_AGO, TWO_HOURS_AGO))
    return found


def test_a_file_without_a_row_goes_and_one_with_a_row_stays(kept, put, run, files):
    put("uploads/2026/01/02/" + "0" * 32 + ".png")
    assert "file without a row" in run(dry_run=True)
    assert len(files()) == 2
    assert "1 of kind 'file without a row'; removed" in run()
    assert [str(each) for each in files()] == [kept.upload.path]
    assert run() == "Nothing is left over.\n"


def test_a_file_stays_whatever_day_its_row_is_of(kept, run, files):
    Prediction.objects.update(created_at=timezone.now() - timedelta(400))
    run()
    assert len(files()) == 1


def test_an_unfinished_file_goes_once_it_is_old(put, run):
    old = put("uploads/2026/01/02/.a.partial")
    young = put("uploads/2026/01/02/.b.partial", at=time.time())
    assert "1 of kind 'unfinished file'" in run()
    assert (old.exists(), young.exists()) == (False, True)


def test_what_is_not_ours_stays(put, run, files):
    for name in ("notes.txt", "uploads/notes/a.png", "models/README", "batches/README"):
        put(name)
    run()
    assert len(files()) == 4


def test_a_row_without_its_file_is_told_and_erased_only_if_asked(kept, post, run):
    os.unlink(kept.upload.path)
    for _ in range(2):
        post()
    assert f"upload {kept.pk}" in run()
    assert not Prediction.objects.exclude(erased_at=None).exists()
    assert "Erased 1" in run(erase_rows=True)
    assert "upload" not in run()


def test_rows_are_not_erased_when_the_storage_is_not_there(kept, run):
    os.unlink(kept.upload.path)
    with pytest.raises(CommandError, match="right storage"):
        run(erase_rows=True)
    assert Prediction.objects.get().erased_at is None


def test_a_zip_of_no_batch_goes(put, run):
    Batch.objects.create(archive="batches/kept.zip", total=1)
    kept, gone = put("batches/kept.zip"), put("batches/gone.zip")
    assert "1 of kind 'archive of no batch'" in run()
    assert (kept.exists(), gone.exists()) == (True, False)


def test_files_of_no_version_go(version, put, run):
    version("known")
    names = ("killed.keras", "killed.report.html", ".x.partial", "known.tflite")
    paths = [put(f"models/{name}") for name in names]
    run()
    assert [path.exists() for path in paths] == [False, False, False, True]


def test_the_state_of_a_training_goes_when_nobody_will_resume_it(put, run):
    states = {"open": "running", "failed": "failed", "long-ago": "failed", "done": "done"}
    for name, state in states.items():
        days = 40 if name == "long-ago" else 0
        finished = None if state == "running" else timezone.now() - timedelta(days)
        TrainingRun.objects.create(name=name, state=state, finished_at=finished)
    names = [*states, "unknown"]
    paths = [put(f"training/{name}.training/progress.json") for name in names]
    leftover = put("training/unknown.keras")
    assert "3 of kind" not in run()
    assert [path.exists() for path in paths] == [True, True, False, False, False]
    assert not leftover.exists()


def test_a_training_that_just_wrote_is_left_alone(put, run):
    young = put("training/unknown.training/progress.json", at=time.time())
    run()
    assert young.exists()


def test_local_copies_go_where_storage_is_elsewhere(version, settings, tmp_path, run, monkeypatch):
    settings.MNIST_MODEL_CACHE = tmp_path / "cache"
    settings.MNIST_MODEL_CACHE.mkdir()
    registry.activate(version("used"))
    paths = [settings.MNIST_MODEL_CACHE / name for name in ("used.tflite", "old.tflite", "notes")]
    for path in paths:
        path.write_bytes(b"x")
        os.utime(path, (TWO_HOURS_AGO, TWO_HOURS_AGO))
    monkeypatch.setattr("classifier.prune.is_local", lambda: False)
    assert "1 of kind 'local copy'" in run()
    assert [path.exists() for path in paths] == [True, False, True]
