"""What is on the disk before an upload is answered: counted by the calls that wait for it."""

import os
import runpy

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from classifier import batches, durability, registry
from classifier.models import ModelVersion, Prediction
from mnistsite.sqlite3.base import DatabaseWrapper

from .archives import packed
from .conftest import copy_of_shipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def power_safe(settings):
    settings.MNIST_DURABILITY = "power-safe"


@pytest.fixture
def synced(monkeypatch):
    """The inodes that were waited for, each with the number of rows there were by then."""
    found = []

    def fsync(descriptor):
        rows = Prediction.objects.count() + ModelVersion.objects.exclude(shipped=True).count()
        found.append((os.fstat(descriptor).st_ino, rows))

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def inodes(*paths) -> list[int]:
    return [os.stat(path).st_ino for path in paths]


def test_a_power_safe_upload_waits_for_its_file_and_every_new_folder(
    power_safe, synced, media, post
):
    assert post().status_code == 200
    path = media / Prediction.objects.get().upload.name
    day, month, year, uploads = list(path.parents)[:4]
    wanted = inodes(path, day, month, year, uploads, media, media.parent)
    assert synced == [(inode, 0) for inode in wanted]


def test_the_next_one_waits_for_its_file_and_its_folder(power_safe, synced, media, post):
    post()
    synced.clear()
    post()
    path = media / Prediction.objects.latest("id").upload.name
    assert synced == [(inode, 1) for inode in inodes(path, path.parent)]


def test_a_folder_that_another_process_made_is_waited_for(power_safe, synced, media):
    (media / "batches").mkdir()
    default_storage.save("batches/a.zip", ContentFile(b"x"))
    assert [inode for inode, _ in synced][-3:] == inodes(media / "batches", media, media.parent)


def test_many_pictures_batches_and_versions_are_waited_for(
    power_safe, synced, media, sample, client, tmp_path
):
    pictures = [ContentFile(sample(name), name) for name in ("7_paint.png", "3_paint.png")]
    assert client.post("/api/v1/predictions/batch", {"image": pictures}).status_code == 200
    begun = batches.begin(packed({"7.png": sample("7_paint.png")}))
    version = registry.register(*copy_of_shipped(tmp_path, "other"))
    paths = [row.upload.path for row in Prediction.objects.all()]
    paths += [begun.archive.path, *(media / "models" / name for name, _ in registry.files(version))]
    waited_for = dict(synced)  # by inode
    assert len(paths) == 5
    assert [waited_for[inode] for inode in inodes(*paths)] == [0, 0, 2, 2, 2]


def test_a_fast_upload_waits_for_nothing(synced, post):
    assert post().status_code == 200
    assert synced == []


def test_a_disk_that_fails_while_it_is_waited_for_refuses_the_upload(
    power_safe, monkeypatch, post, files
):
    def fail_with_folders(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_with_folders)
    assert post().status_code == 503
    with pytest.raises(OSError, match="Input"):
        default_storage.save("models/a.keras", ContentFile(b"x"))
    assert files() == []


def test_a_root_whose_folder_may_not_be_read_is_no_obstacle(power_safe, monkeypatch, media):
    opened = os.open

    def may_not_read(path, *args, **kwargs):
        if path == str(media.parent):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", may_not_read)
    default_storage.save("models/a.keras", ContentFile(b"x"))
    assert default_storage.exists("models/a.keras")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")  # the settings are run again
@pytest.mark.parametrize(("value", "level"), [("", 1), ("fast", 1), ("power-safe", 2)])
def test_sqlite_waits_for_the_disk_as_the_setting_says(monkeypatch, tmp_path, value, level):
    monkeypatch.setenv("MNIST_DURABILITY", value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    default = runpy.run_module("mnistsite.settings")["DATABASES"]["default"]
    name = {"NAME": str(tmp_path / "db.sqlite3"), "TIME_ZONE": None, "AUTOCOMMIT": True}
    connection = DatabaseWrapper(default | name)
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (level,)
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_many_files_are_waited_for_at_once(power_safe, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "sync", lambda: calls.append(True))
    durability.sync_everything()
    assert calls
