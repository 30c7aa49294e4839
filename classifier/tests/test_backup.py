"""Backups of the real server while it serves, restored into an empty place."""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from classifier import backup, erasure, prune, snapshot
from classifier.models import Prediction

from .server import ROOT, Server
from .services import postgres


def manage(*arguments, **settings):
    """Run a command of manage.py on a database and a folder of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SECRET_KEY": "only for this test"} | settings,
        capture_output=True,
        text=True,
    )


def back_up_under_load(server, sample, folder) -> str:
    """Make a backup while uploads come in and another one is erased; what the command said."""
    stop, kept = threading.Event(), []

    def upload():
        while not stop.is_set():
            kept.append(server.answer(sample("7_paint.png"))["id"])

    clients = [threading.Thread(target=upload) for _ in range(4)]
    for each in clients:
        each.start()
    while len(kept) < 40:
        pass
    said = server.manage("backup", str(folder))
    stop.set()
    for each in clients:
        each.join()
    return said


def assert_whole(rows, media, sample):
    """Every row has its file, as it was sent, and there is no other upload."""
    assert len(rows) >= 40
    digest = hashlib.sha256(sample("7_paint.png")).hexdigest()
    for path in rows:
        assert hashlib.sha256((media / path).read_bytes()).hexdigest() == digest
    uploads = [path for path in (media / "uploads").rglob("*") if path.is_file()]
    assert len(uploads) == len(rows)


def test_a_backup_made_under_load_restores_every_row_with_its_file(tmp_path, sample):
    with Server(tmp_path) as server:
        server.add_version("other")
        said = back_up_under_load(server, sample, tmp_path / "copy")
        accepted = len(server.rows())
    assert "The database and" in said
    there = tmp_path / "there"
    place = {"DATABASE_URL": f"sqlite:///{there}.sqlite3", "MEDIA_ROOT": str(there)}
    done = manage("restore", str(tmp_path / "copy"), **place)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(f"{there}.sqlite3") as database:
        rows = [path for (path,) in database.execute("select upload from classifier_prediction")]
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert_whole(rows, there, sample)
    assert len(rows) <= accepted
    assert (there / "models" / "other.tflite").exists()
    again = manage("restore", str(tmp_path / "copy"), **place)
    assert again.returncode == 1
    assert "The database is not empty" in again.stderr


def test_a_backup_of_postgres_restores_into_another_database(tmp_path, sample):
    import psycopg

    with postgres() as address:
        with Server(tmp_path, DATABASE_URL=address) as server:
            back_up_under_load(server, sample, tmp_path / "copy")
        with psycopg.connect(address, autocommit=True) as database:
            database.execute("create database empty")
        there = tmp_path / "there"
        place = {"DATABASE_URL": address.replace("/postgres", "/empty"), "MEDIA_ROOT": str(there)}
        done = manage("restore", str(tmp_path / "copy"), **place)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(place["DATABASE_URL"]) as database:
            rows = database.execute("select upload from classifier_prediction").fetchall()
    assert_whole([path for (path,) in rows], there, sample)


# What is in one: SQLite copies no database in the middle of a transaction, as `db` would be


@pytest.fixture
def made(transactional_db, post, tmp_path):
    """A backup of two uploads."""
    for name in ("7_paint.png", "3_paint.png"):
        post(name)
    call_command("backup", str(tmp_path / "copy"), stdout=io.StringIO())
    return tmp_path / "copy"


def test_files_are_linked_and_their_digests_are_sha256sums(made):
    row = Prediction.objects.first()
    copy = made / "media" / row.upload.name
    assert copy.samefile(row.upload.path)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=made, check=True)


def test_files_on_another_disk_are_copied(transactional_db, post, tmp_path, monkeypatch):
    post()
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "other disk")))
    call_command("backup", str(tmp_path / "copy"), stdout=io.StringIO())
    row = Prediction.objects.get()
    copy = tmp_path / "copy" / "media" / row.upload.name
    assert copy.read_bytes() == row.upload.read()
    assert not copy.samefile(row.upload.path)


def test_nothing_is_overwritten_and_nothing_half_done_is_left(made, monkeypatch, tmp_path):
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(made))
    monkeypatch.setattr(backup, "_copy_out", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("backup", str(tmp_path / "other"))
    assert not [each.name for each in tmp_path.iterdir() if "other" in each.name]


def test_what_is_erased_while_the_backup_is_made_is_not_in_it(
    transactional_db, post, tmp_path, monkeypatch
):
    erased, _ = (post().json()["id"] for _ in range(2))
    path = Prediction.objects.get(pk=erased).upload.name
    take = snapshot.take

    def then_erase(folder):
        yield from take(folder)
        erasure.erase(Prediction.objects.filter(pk=erased))

    monkeypatch.setattr(snapshot, "take", then_erase)
    call_command("backup", str(tmp_path / "copy"), stdout=io.StringIO())
    facts = json.loads((tmp_path / "copy" / "backup.json").read_text())
    assert (facts["erased"], facts["lost"]) == ([path], [])


def test_a_file_that_was_lost_or_damaged_before_is_named(transactional_db, post, tmp_path):
    lost, damaged, _ = (post().json()["id"] for _ in range(3))
    default_storage.delete(Prediction.objects.get(pk=lost).upload.name)
    with open(Prediction.objects.get(pk=damaged).upload.path, "ab") as file:
        file.write(b"x")
    with pytest.raises(CommandError, match="1 files were missing from storage and 1 damaged"):
        call_command("backup", str(tmp_path / "copy"), stdout=io.StringIO())
    assert list((tmp_path / "copy").glob("media/uploads/*/*/*/*")) != []


# Putting one back


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_backup_is_refused_before_anything_is_written(made, media, harm, monkeypatch):
    shutil.rmtree(media)
    monkeypatch.setattr(snapshot, "is_empty", lambda: True)
    file = next(path for path in (made / "media").rglob("*.png"))
    file.unlink()
    if harm == "cut":
        file.write_bytes(b"cut")
    with pytest.raises(CommandError, match="damaged" if harm == "cut" else "missing"):
        call_command("restore", str(made))
    assert not media.exists()


def test_a_restore_never_mixes_with_what_is_there(made, monkeypatch):
    monkeypatch.setattr(snapshot, "is_empty", lambda: True)
    with pytest.raises(CommandError, match="There are uploads"):
        call_command("restore", str(made))


def test_a_folder_that_is_no_backup_is_named(db, tmp_path):
    with pytest.raises(CommandError, match="is no backup"):
        call_command("restore", str(tmp_path))


def test_a_backup_can_be_checked_alone(made):
    out = io.StringIO()
    call_command("restore", str(made), dry_run=True, stdout=out)
    assert out.getvalue() == "3 files are as they were.\n"


def test_a_storage_elsewhere_is_copied_and_filled(made, media, monkeypatch):
    monkeypatch.setattr(backup, "is_local", lambda: False)
    paths = [each.upload.name for each in Prediction.objects.all()]
    shutil.rmtree(media)
    backup._copy_in(made / "media" / paths[0], paths[0])
    assert backup._copy_out(paths[0], made / "again") == backup.digest_of(media / paths[0])
    assert list(prune.rows_without_files()) == []
