import pytest
from django.db import DatabaseError

from classifier import health, inference, registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(health, "_last", (float("-inf"), None))


def test_healthz_answers_without_a_network(client, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    assert client.get("/healthz").json() == {"status": "alive"}


def test_readyz_names_the_version_that_answers(client):
    response = client.get("/readyz")
    assert response.json() == {"status": "ready", "model": registry.active().name}


def test_readyz_predicts_at_most_once_a_second(client, monkeypatch):
    client.get("/readyz")
    monkeypatch.setattr(inference, "read_sample", lambda: 1 / 0)
    assert client.get("/readyz").status_code == 200


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
