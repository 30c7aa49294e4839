"""/api/v1/models."""

import pytest

from classifier import registry
from classifier.models import Promotion

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/models"


def test_versions_are_listed_and_told(admin_client, version):
    shipped = registry.active()
    version("other")
    told = admin_client.get(MODELS).json()["results"]
    assert [each["name"] for each in told] == ["other", shipped.name]
    assert told[1] == admin_client.get(f"{MODELS}/{shipped.name}").json()
    assert (told[1]["state"], told[1]["metrics"]["test_accuracy"] > 0.99) == ("active", True)
    assert admin_client.get(f"{MODELS}/nowhere").status_code == 404


def test_a_version_is_activated_by_who_may(client, person, version):
    version("other")
    client.force_login(person("boss", "Promoters"))
    response = client.post(f"{MODELS}/other/activate", {}, "application/json")
    assert (response.status_code, response.json()["state"]) == (200, "active")
    assert registry.active().name == "other"
    assert Promotion.objects.first().promoted_by.username == "boss"


def test_the_gate_holds_back_what_is_worse(client, person, version):
    registry.active()
    worse = version("worse", metrics={"test_accuracy": 0.9})
    client.force_login(person("boss", "Promoters"))
    response = client.post(f"{MODELS}/worse/activate", {}, "application/json")
    assert (response.status_code, response.json()["code"]) == (409, "held_back")
    response = client.post(f"{MODELS}/worse/activate", {"overrule": "I say so"}, "application/json")
    assert response.status_code == 403
    worse.refresh_from_db()
    assert worse.state == "candidate"


def test_overruling_takes_a_reason_which_is_kept(admin_client, version):
    registry.active()
    version("worse", metrics={"test_accuracy": 0.9})
    response = admin_client.post(
        f"{MODELS}/worse/activate", {"overrule": "a test"}, "application/json"
    )
    assert response.json()["state"] == "active"
    assert Promotion.objects.first().overruled_because == "a test"


def test_a_damaged_version_is_not_activated(admin_client, version, media):
    registry.active()
    version("broken")
    (media / "models" / "broken.tflite").write_bytes(b"x")
    response = admin_client.post(f"{MODELS}/broken/activate", {}, "application/json")
    assert (response.status_code, response.json()["code"]) == (409, "damaged")


def test_no_key_activates_and_who_may_only_see_neither(client, admin_user, bearer, person, version):
    version("other")
    _, header = bearer("classify", "read", "review", "train", owner=admin_user)
    assert client.get(MODELS, **header).status_code == 200
    assert client.post(f"{MODELS}/other/activate", **header).status_code == 403
    client.force_login(person("trainer", "Trainers"))
    assert client.post(f"{MODELS}/other/activate", {}, "application/json").status_code == 403
    assert registry.active().name != "other"
