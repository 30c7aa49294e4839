import shutil
import tempfile
from types import SimpleNamespace

import pytest
from django.db import DatabaseError

from classifier import counters, history, inference, registry, store_checks

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_a_network(client, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    assert client.get("/healthz").json() == {"status": "alive", "version": settings.MNIST_VERSION}


def test_readyz_names_the_version_that_answers(client):
    response = client.get("/readyz")
    assert response.json() == {"status": "ready", "model": registry.active().name}


def test_readyz_says_why_nothing_can_be_read(client, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "no trained network" in response.json()["problem"]
    assert response["Retry-After"]


def test_readyz_tells_nobody_where_anything_lies(client, monkeypatch, caplog):
    def fail():
        raise OSError("/srv/digits/secret is gone")

    monkeypatch.setattr(inference, "read_sample", fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "log says why" in response.json()["problem"]
    assert "/srv" not in response.text
    assert "/srv/digits/secret" in caplog.text


def test_a_shipped_network_that_is_damaged_is_told_without_its_path(
    client, monkeypatch, caplog, tmp_path
):
    def fail():
        raise DatabaseError

    monkeypatch.setattr(registry, "locate", lambda version: tmp_path)
    monkeypatch.setattr(inference, "look", fail)
    inference.forget()
    problem = client.get("/readyz").json()["problem"]
    assert problem == "The shipped network cannot be loaded."
    assert str(tmp_path) in caplog.text


def test_readyz_tells_of_an_active_version_that_cannot_be_loaded(client, version, media, caplog):
    inference.predictor()
    registry.activate(version("newer"))
    (media / "models" / "newer.tflite").unlink()
    inference.look()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["model"]) == (200, registry.shipped().name)
    assert response.json()["problem"] == "Version newer is active but cannot be loaded."
    assert str(media) in caplog.text


# What stands in the way of uploads


def problem(client) -> str:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    return response.json()["problem"]


def test_readyz_says_no_while_the_database_answers_nothing(client, monkeypatch, caplog):
    def fail(*given, **options):
        raise DatabaseError("no route to host 192.0.2.7")

    monkeypatch.setattr(store_checks.transaction, "atomic", fail)
    assert problem(client) == "The database does not answer, or cannot be written to."
    assert "192.0.2.7" in caplog.text


@pytest.mark.parametrize("what", ["database", "uploads"])
def test_readyz_says_no_while_a_disk_is_full(client, media, monkeypatch, what):
    full = media.parent if what == "uploads" else None
    usage = shutil.disk_usage

    def disk_usage(path):
        is_full = path.is_relative_to(full) if full else not path.is_relative_to(media.parent)
        return SimpleNamespace(free=31 << 20) if is_full else usage(path)

    monkeypatch.setattr(store_checks.shutil, "disk_usage", disk_usage)
    assert problem(client) == f"The disk of the {what} is full: less than 32 MB are free."


def test_readyz_says_no_while_the_place_of_uploads_is_no_folder(client, media, caplog):
    media.rmdir()
    media.write_bytes(b"a file")
    assert problem(client) == "The folder of uploads cannot be written to."
    assert str(media) in caplog.text
    media.unlink()
    assert client.get("/readyz").status_code == 200  # it is made by the first upload


def test_a_folder_that_looks_writable_is_tried_now_and_then(client, monkeypatch, files):
    tried, written = [], tempfile.TemporaryFile

    def temporary_file(**options):
        tried.append(options)
        if len(tried) == 2:
            raise OSError("Read-only file system")
        return written(**options)

    monkeypatch.setattr(store_checks.tempfile, "TemporaryFile", temporary_file)
    check = store_checks.FolderCheck()
    for _ in range(3):
        check()
    assert len(tried) == 1
    monkeypatch.setattr(store_checks, "PROBE_EVERY_S", -1)
    with pytest.raises(store_checks.CannotStore):
        check()
    check()
    assert len(tried) == 3
    assert not files()


def test_readyz_says_no_after_an_upload_that_was_not_stored_until_one_is(client, post, monkeypatch):
    def fail(*given):
        raise OSError("Input/output error")

    with monkeypatch.context() as fault:
        fault.setattr(history, "_save_file", fail)
        assert post().status_code == 503
    assert problem(client) == "The last upload could not be stored."
    assert post().status_code == 200
    assert client.get("/readyz").status_code == 200


def test_readyz_asks_for_uploads_again_although_none_could_be_tried(client, monkeypatch):
    now = store_checks.time.monotonic()
    monkeypatch.setattr(history.LastUpload, "failed_at", now - 9)
    assert problem(client)
    monkeypatch.setattr(history.LastUpload, "failed_at", now - 11)
    assert client.get("/readyz").status_code == 200


def test_several_problems_are_all_named(client, media, monkeypatch):
    monkeypatch.setattr(history.LastUpload, "failed_at", store_checks.time.monotonic())
    media.rmdir()
    media.write_bytes(b"a file")
    assert problem(client) == (
        "The folder of uploads cannot be written to. The last upload could not be stored."
    )


def test_without_its_cache_the_site_is_ready_and_says_so(client, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert "cache does not answer" in response.json()["problem"]
    assert counters.breaker.is_open
