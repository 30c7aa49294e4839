"""/api/v1/predictions/batch: many pictures in one request."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from classifier import history
from classifier.models import Prediction

from . import hostile

pytestmark = pytest.mark.django_db
BATCH = "/api/v1/predictions/batch"


def images(*contents):
    return {
        "image": [SimpleUploadedFile(f"{n}.png", content) for n, content in enumerate(contents)]
    }


def test_answers_come_in_order_and_an_error_fails_no_other(client, sample, files):
    sent = images(sample("7_paint.png"), b"junk", sample("3_phone.jpg"), hostile.plain(255))
    response = client.post(BATCH, sent, HTTP_X_REQUEST_ID="many-1")
    told = response.json()["results"]
    assert response.status_code == 200
    assert [each["index"] for each in told] == [0, 1, 2, 3]
    assert [each["prediction"] and each["prediction"]["digit"] for each in told] == [
        7,
        None,
        3,
        None,
    ]
    codes = [each["error"] and each["error"]["code"] for each in told]
    assert codes == [None, "not_an_image", None, "blank"]
    assert [row.request_id for row in Prediction.objects.all()] == ["many-1", "many-1"]
    assert len(files()) == 2


def test_each_answer_is_the_one_that_it_gets_alone(client, post, sample):
    names = ["7_paint.png", "5_transparent.png", "2_fountain.webp", "4_scan.bmp"]
    told = client.post(BATCH, images(*map(sample, names))).json()["results"]
    for name, each in zip(names, told, strict=True):
        alone = post(name).json()
        assert each["prediction"]["digit"] == alone["digit"]
        assert each["prediction"]["confidence"] == pytest.approx(alone["confidence"], abs=1e-4)


def test_a_hundred_pictures_take_a_few_statements(client, sample, django_assert_max_num_queries):
    hundred = [sample("0_tiny.png")] * 100
    client.post(BATCH, images(*hundred[:1]))
    with django_assert_max_num_queries(2 + -(-100 // history.ROWS_AT_ONCE)):  # one transaction
        response = client.post(BATCH, images(*hundred))
    assert len(response.json()["results"]) == 100
    assert Prediction.objects.count() == 101


def test_more_than_a_hundred_are_refused(client, sample, files):
    response = client.post(BATCH, images(*[sample("0_tiny.png")] * 101))
    assert (response.status_code, response.json()["code"]) == (413, "too_many")
    assert not files()


def test_pictures_that_would_keep_others_waiting_are_refused(client, settings, sample, files):
    settings.MNIST_MAX_BATCH_PIXELS = 1000
    response = client.post(BATCH, images(sample("3_phone.jpg")))
    assert (response.status_code, response.json()["code"]) == (413, "too_many")
    assert "/api/v1/batches" in response.json()["detail"]


def test_a_picture_over_the_limit_is_an_error_of_its_own(client, settings, sample):
    settings.MNIST_MAX_UPLOAD_BYTES = 1000
    told = client.post(BATCH, images(bytes(1001), sample("0_tiny.png"))).json()["results"]
    assert told[0]["error"]["code"] == "too_large"
    assert told[1]["prediction"]["digit"] == 0


def test_when_they_cannot_be_stored_nothing_is_left(client, sample, files, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(history, "_insert", fail)
    response = client.post(BATCH, images(sample("0_tiny.png"), sample("7_paint.png")))
    assert (response.status_code, response.json()["code"]) == (503, "not_kept")
    assert not files()


def test_a_quota_counts_each_picture_and_is_never_exceeded(client, bearer, sample, files):
    key, header = bearer("classify", daily_quota=3)
    pair = [sample("0_tiny.png")] * 2
    assert client.post(BATCH, images(*pair), **header).status_code == 200
    response = client.post(BATCH, images(*pair), **header)
    assert (response.status_code, response.json()["code"]) == (429, "over_quota")
    assert len(files()) == Prediction.objects.filter(key=key).count() == 2


def test_no_picture_is_a_400(client):
    assert client.post(BATCH, {"other": "x"}).json()["code"] == "invalid"


def test_a_session_needs_its_csrf_token(admin_user, sample):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(BATCH, images(sample("0_tiny.png"))).status_code == 403
