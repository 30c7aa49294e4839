"""Backups whose process was killed, and two of the same name at once."""

import io
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from classifier import backup, backup_folder, erasure, prune
from classifier.models import Prediction

from .server import ROOT

MAKING = """
import os, signal, sys
from pathlib import Path
from django.conf import settings
settings.configure(MEDIA_ROOT=sys.argv[1], MNIST_DURABILITY="fast")
from classifier import backup_folder
with backup_folder.making(Path(sys.argv[2])) as partial:
    os.link(sys.argv[3], partial / "linked.png")
    print("begun", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(media, folder, upload):
    """A process that is making a backup with a link to an upload, until it is killed."""
    command = [sys.executable, "-c", MAKING, media, folder, upload]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == b"begun\n"
        try:
            yield
        finally:
            process.kill()


@pytest.fixture
def killed(transactional_db, post, media, tmp_path):
    """The name of a backup that was killed, with a link to an upload that was erased since."""
    erased = Prediction.objects.get(pk=post().json()["id"])
    with another_process(media, tmp_path / "copy", erased.upload.path):
        pass
    erasure.erase(Prediction.objects.all())
    assert len(list(tmp_path.rglob("linked.png"))) == 1
    return tmp_path / "copy"


def test_the_next_backup_of_the_name_removes_what_a_killed_one_left(killed, tmp_path, media):
    call_command("backup", str(killed), stdout=io.StringIO())
    assert not list(tmp_path.rglob("linked.png"))
    assert sorted(os.listdir(tmp_path)) == ["copy", "media"]
    assert os.listdir(media / backup_folder.NOTES) == []
    assert backup.verify(killed) == 1  # the database


def test_prune_media_finds_what_a_killed_backup_left(killed, tmp_path, media):
    out = io.StringIO()
    call_command("prune_media", dry_run=True, stdout=out)
    assert f"unfinished backup: {tmp_path / '.copy.partial'}" in out.getvalue()
    assert "1 of kind 'unfinished backup'; would be removed" in out.getvalue()
    assert list(tmp_path.rglob("linked.png"))
    call_command("prune_media", stdout=out)
    assert os.listdir(tmp_path) == ["media"]
    assert list(prune.unfinished_backups()) == []


def test_a_backup_that_another_process_is_making_is_left_alone(
    transactional_db, post, media, tmp_path
):
    post()
    with another_process(media, tmp_path / "copy", Prediction.objects.get().upload.path):
        with pytest.raises(CommandError, match="Another process is making"):
            call_command("backup", str(tmp_path / "copy"))
        assert list(prune.unfinished_backups()) == []
        backup_folder.remove_abandoned(tmp_path / ".copy.partial")
        call_command("backup", str(tmp_path / "other"), stdout=io.StringIO())
        assert len(list(tmp_path.rglob("linked.png"))) == 1


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(tmp_path, media, monkeypatch):
    """As by a backup of this name that ended between our opening and locking its file."""
    lock, flock = tmp_path / ".copy.lock", backup_folder.fcntl.flock
    locked = []

    def remove_first(file, how):
        if not locked:
            lock.unlink()
        locked.append(file.name)
        flock(file, how)

    monkeypatch.setattr(backup_folder.fcntl, "flock", remove_first)
    with backup_folder.making(tmp_path / "copy"):
        assert len(locked) == 2
        assert lock.exists()
    assert sorted(os.listdir(tmp_path)) == ["copy", "media"]


def test_a_power_safe_backup_has_its_name_once_it_is_on_the_disk(
    tmp_path, media, settings, monkeypatch
):
    named = []
    monkeypatch.setattr(os, "sync", lambda: named.append((tmp_path / "safe").exists()))
    with backup_folder.making(tmp_path / "fast"):
        pass
    assert named == []
    settings.MNIST_DURABILITY = "power-safe"
    with backup_folder.making(tmp_path / "safe"):
        pass
    assert named == [False, True]
