"""Batches: taken by the API, read in the background, told as a file."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from classifier import batches, bulk, erasure, jobs, tasks
from classifier.models import Batch, Prediction

from .archives import packed

pytestmark = pytest.mark.django_db
BATCHES = "/api/v1/batches"


@pytest.fixture
def pictures(sample):
    return {
        "7.png": sample("7_paint.png"),
        "junk.txt": b"junk",
        "3.jpg": sample("3_phone.jpg"),
        "0.png": sample("0_tiny.png"),
    }


@pytest.fixture
def started(admin_user, pictures):
    return batches.begin(packed(pictures), request_id="b-1", started_by=admin_user)


def lines(client, batch_id, **extra):
    response = client.get(f"{BATCHES}/{batch_id}/result", **extra)
    return [json.loads(line) for line in response.getvalue().splitlines()]


def test_a_zip_is_taken_read_and_told(
    admin_client, pictures, files, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = admin_client.generic("POST", BATCHES, packed(pictures), "application/zip")
        told = response.json()
    assert (response.status_code, told["state"], told["total"]) == (201, "waiting", 4)
    assert response["Location"] == f"{BATCHES}/{told['id']}"
    assert Batch.objects.get().task_id
    with django_capture_on_commit_callbacks(execute=True):
        tasks.read_batch.call(told["id"])
    told = admin_client.get(response["Location"]).json()
    assert (told["state"], told["done"], told["failed"]) == ("done", 3, 1)
    assert [row.original_name for row in Prediction.objects.order_by("id")] == [
        *("7.png", "3.jpg", "0.png")
    ]
    assert len(files()) == 3  # the ZIP is gone


def test_the_result_is_a_line_for_each_picture(admin_client, started):
    tasks.read_batch.call(started.pk)
    found = lines(admin_client, started.pk)
    assert [each["index"] for each in found] == [0, 1, 2, 3]
    assert [each["prediction"] and each["prediction"]["digit"] for each in found] == [7, None, 3, 0]
    assert (found[1]["name"], found[1]["error"]["code"]) == ("junk.txt", "not_an_image")


def test_the_result_as_csv_runs_no_formula(admin_client, admin_user, sample):
    started = batches.begin(packed({"=cmd().png": sample("7_paint.png"), "-1": b"junk"}))
    tasks.read_batch.call(started.pk)
    response = admin_client.get(f"{BATCHES}/{started.pk}/result?format=csv")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert [row["name"] for row in rows] == ["'=cmd().png", "'-1"]
    assert [(row["digit"], row["code"]) for row in rows] == [("7", ""), ("", "not_an_image")]
    assert response["Content-Disposition"] == f'attachment; filename="batch-{started.pk}.csv"'


def test_many_files_are_a_batch_too(admin_client, pictures):
    sent = [SimpleUploadedFile(name, content) for name, content in pictures.items()]
    told = admin_client.post(BATCHES, {"image": sent}).json()
    tasks.read_batch.call(told["id"])
    assert [each["name"] for each in lines(admin_client, told["id"])] == list(pictures)


def test_a_form_may_hold_a_zip(admin_client, pictures):
    sent = SimpleUploadedFile("digits.zip", packed(pictures))
    assert admin_client.post(BATCHES, {"image": sent}).json()["total"] == 4


def test_a_version_may_be_named(admin_client, version, pictures):
    version("other")
    content = packed(pictures)
    address = f"{BATCHES}?model=other"
    told = admin_client.generic("POST", address, content, "application/zip").json()
    tasks.read_batch.call(told["id"])
    assert {row.version.name for row in Prediction.objects.all()} == {"other"}
    address = f"{BATCHES}?model=nowhere"
    refused = admin_client.generic("POST", address, content, "application/zip")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_model")


WRONG = {
    "no ZIP": (b"junk", "application/zip", 422, "not_a_zip"),
    "empty": (packed({}), "application/zip", 400, "no_image"),
    "another type": (b"x", "text/plain", 415, "unsupported_media_type"),
    "nothing": (b"", "multipart/form-data; boundary=b", 400, "no_image"),
}


@pytest.mark.parametrize(("body", "kind", "status", "code"), WRONG.values(), ids=WRONG)
def test_what_is_no_zip_is_refused_and_nothing_is_kept(
    admin_client, files, body, kind, status, code
):
    response = admin_client.generic("POST", BATCHES, body, kind)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Batch.objects.exists()
    assert not files()


# Being killed


class Killed(BaseException):
    """As a signal: nothing but the database remembers."""


@pytest.fixture
def cut_short(started, monkeypatch):
    """A batch whose worker died after its second picture without a word."""
    monkeypatch.setattr(batches, "STEP_PICTURES", 1)
    steps = batches._steps

    def dying(*args):
        yield from list(steps(*args))[:2]
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(batches, "_steps", dying)
        context.setattr(jobs, "fail", lambda *args: None)
        assert jobs.claim(started)
        with pytest.raises(Killed):
            batches.run(started)
    return started


def ago(batch, **since):
    Batch.objects.filter(pk=batch.pk).update(last_heartbeat_at=timezone.now() - timedelta(**since))


def test_a_batch_whose_worker_was_killed_fails_with_the_reason(admin_client, cut_short):
    address = f"{BATCHES}/{cut_short.pk}"
    assert admin_client.get(address).json()["state"] == "running"
    ago(cut_short, minutes=2)
    told = admin_client.get(address).json()
    assert (told["state"], told["done"], told["failed"]) == ("failed", 1, 1)
    assert "killed" in told["reason"]


def test_it_is_resumed_after_what_is_read_and_nothing_is_read_twice(admin_client, cut_short):
    ago(cut_short, minutes=2)
    told = admin_client.post(f"{BATCHES}/{cut_short.pk}/resume", {}, "application/json").json()
    assert told["state"] == "waiting"
    tasks.read_batch.call(cut_short.pk)
    found = lines(admin_client, cut_short.pk)
    assert [each["index"] for each in found] == [0, 1, 2, 3]
    assert Prediction.objects.count() == 3


def test_a_worker_that_was_given_up_stores_nothing_more(admin_user, started, files, monkeypatch):
    monkeypatch.setattr(batches, "STEP_PICTURES", 1)
    assert jobs.claim(started)
    jobs.fail(started, "lost")
    again = Batch.objects.get()
    jobs.resume(again)
    assert jobs.claim(again)
    batches.run(started)  # the first one wakes up
    assert not Prediction.objects.exists()
    batches.run(again)
    assert Batch.objects.get().state == "done"


def test_what_goes_wrong_is_the_reason_and_the_rest_can_be_read(started, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(bulk.inference, "classify_many", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tasks.read_batch.call(started.pk)
    failed = Batch.objects.get()
    assert (failed.state, failed.reason) == ("failed", "division by zero")
    jobs.resume(failed)
    tasks.read_batch.call(started.pk)
    assert Batch.objects.get().done == 3


def test_a_cancelled_batch_stops_and_its_zip_goes(
    admin_client, started, files, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        told = admin_client.post(f"{BATCHES}/{started.pk}/cancel", {}, "application/json").json()
    assert told["state"] == "cancelled"
    tasks.read_batch.call(started.pk)
    assert not Prediction.objects.exists()
    assert not files()
    again = admin_client.post(f"{BATCHES}/{started.pk}/resume", {}, "application/json")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_quota_holds_for_a_batch_and_the_rest_is_read_another_day(bearer, pictures, monkeypatch):
    monkeypatch.setattr(batches, "STEP_PICTURES", 2)
    key, _ = bearer("classify", daily_quota=2)
    started = batches.begin(packed(pictures), key=key)
    with pytest.raises(RuntimeError):
        tasks.read_batch.call(started.pk)
    failed = Batch.objects.get()
    assert (failed.state, failed.done, failed.failed) == ("failed", 1, 1)
    assert "2 pictures a day" in failed.reason


# Rights


def test_nobody_sends_a_batch_without_a_key_or_being_staff(client, pictures, django_user_model):
    content = packed(pictures)
    send = {"method": "POST", "path": BATCHES, "data": content, "content_type": "application/zip"}
    assert client.generic(**send).status_code == 401
    client.force_login(django_user_model.objects.create_user("guest"))
    assert client.generic(**send).status_code == 403
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.generic(**send).status_code == 201
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(django_user_model.objects.get(username="staff"))
    assert strict.generic(**send).status_code == 403


def test_a_key_sees_its_own_batches_only(client, bearer, pictures, started):
    key, header = bearer("classify")
    sent = client.generic("POST", BATCHES, packed(pictures), "application/zip", **header)
    own = sent.json()["id"]
    assert [each["id"] for each in client.get(BATCHES, **header).json()["results"]] == [own]
    assert client.get(f"{BATCHES}/{started.pk}/result", **header).status_code == 404
    tasks.read_batch.call(own)
    assert lines(client, own, **header)[0]["prediction"]["digit"] == 7
    assert set(Prediction.objects.values_list("key", flat=True)) == {key.pk}


def test_an_erased_upload_leaves_no_name_in_the_result(admin_client, started):
    tasks.read_batch.call(started.pk)
    erasure.erase(Prediction.objects.all())
    assert [each["name"] for each in lines(admin_client, started.pk)] == ["", "junk.txt", "", ""]


def test_staff_look_at_batches_in_the_admin(admin_client, started):
    assert "waiting for a worker" in admin_client.get("/admin/classifier/batch/").text
    page = admin_client.get(f"/admin/classifier/batch/{started.pk}/change/")
    assert page.status_code == 200
    assert "Save" not in page.text
