"""The database while another process holds its lock: uploads are refused, then kept again."""

import sqlite3
from contextlib import contextmanager

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from classifier import history, store_checks
from classifier.models import Prediction

pytestmark = pytest.mark.django_db(transaction=True)
sqlite_only = pytest.mark.skipif("connection.vendor != 'sqlite'")


@contextmanager
def locked():
    """Let another connection write, and give up after 10 ms instead of seconds."""
    usual_ms = connection.settings_dict["OPTIONS"]["timeout"] * 1000
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("begin immediate")
    set_timeout(10)
    try:
        yield
    finally:
        set_timeout(usual_ms)
        other.rollback()
        other.close()


def set_timeout(milliseconds):
    with connection.cursor() as cursor:
        cursor.execute(f"pragma busy_timeout = {milliseconds}")


def picture(sample):
    return SimpleUploadedFile("digit.png", sample("7_paint.png"))


@pytest.fixture
def inserts(monkeypatch):
    """How many uploads came as far as the database."""
    insert, calls = history._insert, []

    def counted(rows):
        calls.append(rows)
        return insert(rows)

    monkeypatch.setattr(history, "_insert", counted)
    return calls


@sqlite_only
def test_one_upload_waits_for_the_lock_and_the_next_ones_do_not(post, inserts, files):
    post()
    with locked():
        refused = [post() for _ in range(3)]
    assert len(inserts) == 2
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (503, "not_kept")
        assert response["Retry-After"]
    assert len(files()) == Prediction.objects.count() == 1


@sqlite_only
def test_uploads_are_kept_again_after_the_pause(post, monkeypatch):
    monkeypatch.setattr(history.database_breaker, "pause_s", 0)
    with locked():
        assert post().status_code == 503
    assert [post().status_code for _ in range(2)] == [200, 200]


@sqlite_only
def test_readyz_says_no_while_the_database_is_locked(client, monkeypatch):
    monkeypatch.setattr(store_checks, "LOCK_TIMEOUT_MS", 10)
    with locked():
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["problem"] == "The database is locked by another process."
    assert client.get("/readyz").status_code == 200


@sqlite_only
def test_many_uploads_in_one_request_are_refused_as_one_is(client, sample, files):
    def send():
        images = {"image": [picture(sample), picture(sample)]}
        return client.post("/api/v1/predictions/batch", images)

    with locked():
        assert {send().json()["code"] for _ in range(2)} == {"not_kept"}
    assert not files()


@sqlite_only
def test_a_key_is_taken_although_its_use_cannot_be_noted(post, bearer, client, sample):
    _, headers = bearer("classify")
    with locked():
        image = {"image": picture(sample)}
        assert client.post("/api/v1/previews", image, **headers).status_code == 200
