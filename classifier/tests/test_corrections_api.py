"""/api/v1/corrections."""

import pytest
from django.test import Client

from classifier import erasure, review
from classifier.models import Correction, Prediction

pytestmark = pytest.mark.django_db
CORRECTIONS = "/api/v1/corrections"


def test_a_correction_is_kept_and_told(client, person, add):
    client.force_login(person("ann", "Reviewers"))
    upload = add(digit=1)
    response = client.post(
        CORRECTIONS, {"prediction": upload.pk, "label": 7, "note": "crossed"}, "application/json"
    )
    told = response.json()
    assert response.status_code == 201
    assert (told["from_label"], told["to_label"], told["reviewer"]) == (1, 7, "ann")
    assert client.get(f"{CORRECTIONS}?prediction={upload.pk}").json()["results"] == [told]
    assert Prediction.objects.get().label == 7


def test_a_key_corrects_in_the_name_of_its_owner(client, person, bearer, add):
    _, header = bearer("review", owner=person("ann", "Reviewers"))
    body = {"prediction": add().pk, "label": 10}
    assert client.post(CORRECTIONS, body, "application/json", **header).status_code == 201
    assert Correction.objects.get().reviewer.username == "ann"


WRONG = {
    "a number as text": ({"prediction": 1, "label": "1"}, "label"),
    "truth for a number": ({"prediction": 1, "label": True}, "label"),
    "a number for text": ({"prediction": 1, "label": 1, "note": 5}, "note"),
    "no such label": ({"prediction": 1, "label": 11}, "label"),
    "no label": ({"prediction": 1}, "label"),
    "a long note": ({"prediction": 1, "label": 1, "note": "x" * 201}, "note"),
    "a huge id": ({"prediction": 2**63, "label": 1}, "prediction"),
}


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_by_field(admin_client, add, body, field):
    add(pk=1)
    response = admin_client.post(CORRECTIONS, body, "application/json")
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {field}
    assert not Correction.objects.exists()


def test_an_unknown_upload_is_a_422(admin_client):
    response = admin_client.post(CORRECTIONS, {"prediction": 99, "label": 1}, "application/json")
    assert (response.status_code, response.json()["code"]) == (422, "unknown_prediction")


def test_an_erased_upload_is_gone(admin_client, add):
    upload = add()
    erasure.erase(Prediction.objects.all())
    response = admin_client.post(
        CORRECTIONS, {"prediction": upload.pk, "label": 1}, "application/json"
    )
    assert (response.status_code, response.json()["code"]) == (410, "erased")


def test_the_list_begins_with_the_newest(admin_client, admin_user, add):
    made = [review.correct(add().pk, label, admin_user).pk for label in (1, 2, 3)]
    page = admin_client.get(f"{CORRECTIONS}?page_size=2").json()
    assert [each["id"] for each in page["results"]] == made[:0:-1]
    assert [each["id"] for each in admin_client.get(page["next"]).json()["results"]] == made[:1]


def test_a_key_sees_what_was_said_of_its_own_uploads(client, admin_user, bearer, add):
    key, header = bearer("read")
    own, other = add(key=key), add()
    for upload in (own, other):
        review.correct(upload.pk, 1, admin_user)
    told = client.get(CORRECTIONS, **header).json()["results"]
    assert [each["prediction"] for each in told] == [own.pk]


def test_rights(client, person, add):
    body = {"prediction": add().pk, "label": 1}
    assert client.post(CORRECTIONS, body, "application/json").status_code == 401
    assert client.get(CORRECTIONS).status_code == 401
    client.force_login(person("viewer", "Viewers"))
    assert client.get(CORRECTIONS).status_code == 200
    assert client.post(CORRECTIONS, body, "application/json").status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("reviewer", "Reviewers"))
    assert strict.post(CORRECTIONS, body, "application/json").status_code == 403
