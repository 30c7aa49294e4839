import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from classifier import erasure, retention, review
from classifier.models import ApiKey, Correction, Prediction

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    """What a command prints."""

    def call(*arguments, **options):
        out = io.StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            call_command(*arguments, stdout=out, **options)
        return out.getvalue()

    return call


@pytest.fixture
def aged(post):
    """Makes an upload of so many days ago."""

    def upload(days, **fields):
        pk = post().json()["id"]
        moment = timezone.now() - timedelta(days)
        Prediction.objects.filter(pk=pk).update(created_at=moment, **fields)
        return pk

    return upload


@pytest.fixture
def key(admin_user):
    return ApiKey.objects.issue(
        name="robot", owner=admin_user, scopes=["classify"], retention_days=7
    )[0]


def test_uploads_are_kept_for_ever_unless_somebody_says_otherwise(aged, run):
    aged(10_000)
    assert "kept for ever" in run("purge_expired")
    assert Prediction.objects.count() == 1


def test_a_row_whose_time_is_over_goes_with_its_file_and_all_on_it(aged, run, settings, files):
    settings.MNIST_RETENTION_DAYS = 30
    _, young = aged(31), aged(29)
    assert "1 would be deleted" in run("purge_expired", "--dry-run")
    assert Prediction.objects.count() == 2
    assert "1 deleted" in run("purge_expired")
    assert [each.pk for each in Prediction.objects.all()] == [young]
    assert len(files()) == 1


def test_corrections_go_with_the_upload(aged, run, settings, person):
    settings.MNIST_RETENTION_DAYS = 30
    old = aged(31)
    ann = person()
    review.correct(old, 1, ann)
    review.claim(ann, 1)
    run("purge_expired")
    assert not Correction.objects.exists()


def test_a_keys_uploads_are_erased_after_its_own_days_and_still_counted(aged, run, key, files):
    theirs, _, _ = aged(8, key=key), aged(8), aged(6, key=key)
    assert "1 would be erased" in run("purge_expired", "--dry-run")
    assert f"Uploads of {key}: 1 erased" in run("purge_expired")
    assert "0 erased" in run("purge_expired")
    assert list(Prediction.objects.exclude(erased_at=None)) == [Prediction.objects.get(pk=theirs)]
    assert (Prediction.objects.count(), len(files())) == (3, 2)


def test_many_go_in_batches_of_their_own(add, monkeypatch, settings, run):
    monkeypatch.setattr(retention, "BATCH", 2)
    moment = timezone.now() - timedelta(2)
    for _ in range(5):
        add(created_at=moment)
    sizes = list(retention.delete(Prediction.objects.filter(created_at__lte=moment)))
    assert sizes == [2, 2, 1]


def test_it_rests_as_long_as_a_batch_took(add, monkeypatch):
    rests, clock = [], iter([0.0, 0.3, 7.0, 9.0])
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(
        retention, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=rests.append)
    )
    for _ in range(3):
        add()
    assert list(retention.delete(Prediction.objects.all())) == [2, 1]
    assert rests == [0.3, 1]


def test_the_oldest_are_found_by_the_index(add, settings):
    add()
    settings.MNIST_RETENTION_DAYS = 1
    rule, _ = retention.rules()
    if connection.vendor == "sqlite":
        plan = rule.rows.order_by("created_at").values_list("pk", "created_at")[:2].explain()
        assert "INDEX classifier_prediction_created_at" in plan
        assert "TEMP B-TREE" not in plan


# Erasing by command


def test_uploads_are_erased_by_id_key_and_digest(aged, run, key, sample):
    first, _, third = aged(0), aged(0, key=key), aged(0)
    assert run("erase", str(first), no_input=True) == "Erased 1 of 1 upload.\n"
    assert run("erase", key=f"mnist_{key.prefix}_...", no_input=True) == "Erased 1 of 1 upload.\n"
    digest = Prediction.objects.get(pk=third).sha256_hex
    assert run("erase", sha256=digest, dry_run=True) == "1 upload would be erased.\n"
    assert run("erase", sha256=digest, no_input=True) == "Erased 1 of 1 upload.\n"


def test_it_asks_before_it_erases(aged, run, monkeypatch):
    pk = aged(0)
    monkeypatch.setattr("builtins.input", lambda question: "")
    with pytest.raises(CommandError, match="Nothing was erased"):
        run("erase", str(pk))
    assert Prediction.objects.filter(erased_at=None).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Name what to erase"),
        (["5"], "no upload 5"),
        (["--key", "nobody"], "no key nobody"),
        (["--sha256", "xyz"], "no SHA-256"),
    ],
)
def test_what_is_not_there_is_named(run, options, said):
    with pytest.raises(CommandError, match=said):
        run("erase", *options)


def test_an_erasure_gives_its_progress(add, monkeypatch):
    monkeypatch.setattr(erasure, "BATCH", 2)
    for _ in range(3):
        add()
    assert list(erasure.in_batches(Prediction.objects.all())) == [2, 1]
