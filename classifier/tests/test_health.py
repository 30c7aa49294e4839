import pytest

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


def test_readyz_tells_of_an_active_version_that_cannot_be_loaded(client, version, media):
    inference.predictor()
    registry.activate(version("newer"))
    (media / "models" / "newer.tflite").unlink()
    inference.look()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["model"]) == (200, registry.shipped().name)
    assert "newer is active but cannot be loaded" in response.json()["problem"]
