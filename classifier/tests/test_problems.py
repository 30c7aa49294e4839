"""Errors: RFC 9457 under /api/v1, the original's contract at /mnist/classify."""

import json

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from rest_framework.exceptions import ParseError, Throttled, UnsupportedMediaType, ValidationError

from classifier.api.errors import describe
from classifier.api.problem import Problem, told_at
from classifier.history import NotKept
from classifier.inference import InvalidImage, NotReady, UnknownVersion

RUNS = "/api/v1/training-runs"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.django_db
def test_an_error_of_the_api_is_a_problem_with_all_members(client):
    response = client.get(f"{RUNS}/7", HTTP_X_REQUEST_ID="abc-1")
    assert response["Content-Type"] == "application/problem+json"
    assert response["X-Request-ID"] == "abc-1"
    assert response.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "not_authenticated",
        "detail": "Authentication credentials were not provided.",
        "instance": f"{RUNS}/7",
        "request_id": "abc-1",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/nothing", 404, "not_found"),
        ("get", "/api/gr\xfc\xdfe", 404, "not_found"),
        ("delete", RUNS, 405, "method_not_allowed"),
        ("get", f"{RUNS}/99", 404, "not_found"),
        ("post", f"{RUNS}", 415, "unsupported_media_type"),
    ],
)
def test_every_error_of_the_api_is_a_problem_also_for_a_browser(
    admin_client, method, path, status, code
):
    kind = {"content_type": "text/plain"} if method == "post" else {}
    response = getattr(admin_client, method)(path, HTTP_ACCEPT=BROWSER, **kind)
    told = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["instance"].isascii()
    assert told["request_id"] == response["X-Request-ID"]


@pytest.mark.django_db
def test_a_method_that_is_not_allowed_is_told_which_are(admin_client):
    assert admin_client.delete(RUNS)["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.django_db
def test_what_is_wrong_with_a_field_is_told_by_its_name(admin_client):
    told = admin_client.post(RUNS, {"epochs": 0, "weight": "x"}, "application/json").json()
    assert told["code"] == "invalid"
    assert told["errors"].keys() == {"epochs", "weight"}
    assert "epochs: " in told["detail"]


@pytest.mark.django_db
def test_a_name_of_another_site_is_told_with_a_request_id_over_https_too(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    told = client.get(RUNS, HTTP_HOST="evil.example")
    assert (told.status_code, told.json()["code"]) == (400, "bad_host")
    assert told.json()["request_id"] == told["X-Request-ID"]


MEANINGS = [
    (InvalidImage("no_image", "-"), 400, 404),
    (InvalidImage("one_image", "-"), 400, 404),
    (InvalidImage("empty", "-"), 400, 404),
    (InvalidImage("too_large", "-"), 413, 404),
    (InvalidImage("not_an_image", "-"), 415, 404),
    (InvalidImage("too_many_pixels", "-"), 422, 404),
    (InvalidImage("too_small", "-"), 422, 404),
    (InvalidImage("blank", "-"), 422, 404),
    (UnknownVersion("-"), 422, 404),
    (RequestDataTooBig(), 413, 404),
    (ParseError(), 400, 404),
    (SuspiciousOperation(), 400, 404),
    (UnreadablePostError(), 400, 404),
    (RecursionError(), 400, 404),
    (UnsupportedMediaType("text/plain"), 415, 404),
    (ValidationError("-"), 400, 404),
    (Http404(), 404, 404),
    (Throttled(), 429, 429),
    (NotReady("-"), 503, 503),
    (NotKept("-"), 503, 503),
    (ZeroDivisionError(), 503, 503),
]


@pytest.mark.parametrize(
    ("error", "api", "original"), MEANINGS, ids=[f"{each[0]!r}"[:40] for each in MEANINGS]
)
def test_an_error_has_its_status_at_each_address(error, api, original):
    problem = describe(error)
    assert told_at("/api/v1/predictions", problem).status == api
    assert told_at("/mnist/classify", problem).status == original


def test_a_sentence_names_the_fields_that_are_wrong_however_deep():
    problem = describe(ValidationError({"a": ["no"], "b": [{}, {"c": ["nor this"]}]}))
    assert problem.detail == "a: no b: c: nor this"
    assert problem.errors["b"][1] == {"c": ["nor this"]}


def test_a_throttled_request_is_told_when_to_come_back():
    assert describe(Throttled(wait=2.1)).headers == {"Retry-After": "3"}


def test_no_status_of_the_original_contract_but_that_of_a_bad_upload_is_changed():
    for status in (401, 403, 405, 408, 429, 503):
        assert told_at("/mnist/classify", Problem(status, "-", "-")).status == status


@pytest.mark.django_db
def test_an_unforeseen_error_is_a_503_without_a_word_of_it(admin_client, monkeypatch, caplog):
    monkeypatch.setattr("classifier.api.training.TrainingRunsView.page", lambda *args: 1 / 0)
    response = admin_client.get(RUNS)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "division" not in json.dumps(response.json())
    assert "division" in caplog.text
    assert response.json()["request_id"] in caplog.text


@pytest.mark.django_db
def test_too_many_fields_are_called_that(client):
    fields = {f"field{index}": "x" for index in range(1001)}
    told = client.post("/mnist/classify", fields).json()
    assert (told["code"], "too many fields" in told["detail"]) == ("malformed", True)
