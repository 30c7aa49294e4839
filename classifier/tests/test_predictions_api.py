"""/api/v1/predictions."""

import base64
import itertools

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.utils.timezone import now, timedelta

from classifier import registry
from classifier.api.cursor import NewestFirst
from classifier.api.filters import choose
from classifier.models import Prediction

pytestmark = pytest.mark.django_db
PREDICTIONS = "/api/v1/predictions"


def sent(client, picture, kind, query="", **extra):
    """Post a picture in one of the three ways."""
    address = f"{PREDICTIONS}{query}"
    if kind == "multipart":
        return client.post(address, {"image": SimpleUploadedFile("my 7.png", picture)}, **extra)
    if kind == "json":
        body = {"image": base64.b64encode(picture).decode()}
        return client.post(address, body, "application/json", **extra)
    return client.generic("POST", address, picture, "image/png", **extra)


@pytest.mark.parametrize("kind", ["multipart", "raw", "json"])
def test_a_picture_is_answered_kept_and_found_where_location_says(
    client, admin_client, sample, kind
):
    response = sent(client, sample("7_paint.png"), kind)
    told = response.json()
    assert (response.status_code, told["digit"], told["label"]) == (201, 7, None)
    assert response["Location"] == f"{PREDICTIONS}/{told['id']}"
    assert admin_client.get(response["Location"]).json() == told
    assert Prediction.objects.get().upload.read() == sample("7_paint.png")


def test_a_canvas_may_send_its_data_address(client, sample):
    address = "data:image/png;base64," + base64.b64encode(sample("3_mouse.png")).decode()
    assert client.post(PREDICTIONS, {"image": address}, "application/json").json()["digit"] == 3


def test_a_picture_is_explained_when_asked(client, sample):
    told = sent(client, sample("7_paint.png"), "raw", "?explain=1").json()
    assert told["explanation"]["steps"][-1]["name"] == "framed"


def test_a_version_may_be_named(client, sample, version):
    version("other")
    assert sent(client, sample("7_paint.png"), "raw", "?model=other").json()["model"] == "other"
    refused = sent(client, sample("7_paint.png"), "raw", "?model=nowhere")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_model")


BODIES = {
    "nothing": (b"", "", 400, "no_image"),
    "no base64": (b'{"image": "%%"}', "application/json", 400, "no_image"),
    "a list": (b"[]", "application/json", 400, "no_image"),
    "half a JSON": (b'{"image', "application/json", 400, "malformed"),
    "deep JSON": (b"[" * 100_000, "application/json", 400, "malformed"),
    "text": (b"7", "text/plain", 415, "unsupported_media_type"),
    "an SVG": (b"<svg/>", "image/svg+xml", 415, "not_an_image"),
    "too long": (b"7" * 23_000_000, "image/png", 413, "too_large"),
    "a picture too long": (b"7" * 17_000_000, "image/png", 413, "too_large"),
}


@pytest.mark.parametrize(("body", "kind", "status", "code"), BODIES.values(), ids=BODIES)
def test_what_is_no_picture_is_refused_with_an_ordinary_status(
    client, files, body, kind, status, code
):
    response = client.generic("POST", PREDICTIONS, body, kind)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not files()


def test_a_session_needs_its_csrf_token_and_nobody_else_does(admin_user, sample):
    strict = Client(enforce_csrf_checks=True)
    assert sent(strict, sample("7_paint.png"), "multipart").status_code == 201
    strict.force_login(admin_user)
    refused = sent(strict, sample("7_paint.png"), "multipart")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


def test_uploads_take_a_key_where_the_site_says_so(client, settings, bearer, sample):
    settings.MNIST_REQUIRE_KEY = True
    key, header = bearer("classify")
    assert sent(client, sample("7_paint.png"), "raw").status_code == 401
    assert sent(client, sample("7_paint.png"), "raw", **header).status_code == 201
    assert Prediction.objects.get().key == key


# The history


@pytest.mark.parametrize("path", ["", "/1", "/1/picture", "/1/pixels", "/1/explanation"])
def test_the_history_is_for_those_who_may_see_it(client, person, bearer, add, path):
    add(pk=1)
    assert client.get(PREDICTIONS + path).status_code == 401
    client.force_login(person("clerk"))
    assert client.get(PREDICTIONS + path).status_code == 403
    _, header = bearer("classify")
    assert Client().get(PREDICTIONS + path, **header).status_code == 403


def test_a_key_sees_its_own_uploads_only(client, bearer, add):
    key, header = bearer("read")
    own, other = add(key=key), add()
    assert [each["id"] for each in client.get(PREDICTIONS, **header).json()["results"]] == [own.pk]
    assert client.get(f"{PREDICTIONS}/{own.pk}", **header).status_code == 200
    assert client.get(f"{PREDICTIONS}/{other.pk}", **header).status_code == 404


def test_pages_lead_through_the_history_and_back(admin_client, add):
    ids = [add().pk for _ in range(5)][::-1]
    first = admin_client.get(f"{PREDICTIONS}?page_size=2").json()
    second = admin_client.get(first["next"]).json()
    third = admin_client.get(second["next"]).json()
    read = [each["id"] for page in (first, second, third) for each in page["results"]]
    assert (read, first["previous"], third["next"]) == (ids, None, None)
    assert admin_client.get(second["previous"]).json()["results"] == first["results"]


def test_what_arrives_meanwhile_shifts_no_page(admin_client, add):
    ids = [add().pk for _ in range(4)]
    first = admin_client.get(f"{PREDICTIONS}?page_size=2").json()
    add()
    second = admin_client.get(first["next"]).json()["results"]
    assert [each["id"] for each in second] == [ids[1], ids[0]]


def test_pages_by_time_lead_through_uploads_of_the_same_moment(admin_client, add):
    moment = now() - timedelta(days=1)
    ids = [add(created_at=moment).pk for _ in range(5)][::-1]
    address, read = f"{PREDICTIONS}?since=2020-01-01&page_size=2", []
    while address:
        page = admin_client.get(address).json()
        read += [each["id"] for each in page["results"]]
        address = page["next"]
    assert read == ids


@pytest.mark.parametrize("query", ["", "since=2020-01-01"])
def test_a_clock_that_goes_backwards_skips_and_repeats_nothing(
    admin_client, post, monkeypatch, query
):
    started, passed = now(), itertools.count()
    monkeypatch.setattr(
        "django.utils.timezone.now", lambda: started - next(passed) * timedelta(hours=1)
    )
    ids = {post().json()["id"] for _ in range(7)}
    monkeypatch.undo()
    created = Prediction.objects.order_by("id").values_list("created_at", flat=True)
    assert list(created) == sorted(created, reverse=True)
    address, read = f"{PREDICTIONS}?page_size=2&{query}", []
    while address:
        page = admin_client.get(address).json()
        read += [each["id"] for each in page["results"]]
        address = page["next"]
        post()  # at the time of now: newer than all that were read
    assert len(read) == len(set(read))
    assert set(read) == ids


FILTERS = {
    "digit=3": [3],
    "digit=3&status=certain": [],
    "label=5": [2],
    "status=uncertain": [4, 3],
    "status=not_a_digit": [4],
    "review=waiting": [4, 3],
    "review=waiting&status=low_confidence": [3],
    "review=disagrees": [2],
    "model=v1": [4, 3, 2, 1],
    "model=nowhere": [],
    "model=v1&since=2020-06-01": [4, 3, 2],
    "since=2020-06-01T00:00:00Z&until=2030-01-01": [],
    "until=2020-06-01": [1],
}


@pytest.mark.parametrize(("query", "found"), FILTERS.items())
def test_the_history_is_filtered(admin_client, add, query, found):
    add(pk=1, label=7, created_at=now().replace(year=2020, month=1, day=1))
    add(pk=2, label=5)
    add(pk=3, digit=3, reason="low_confidence")
    add(pk=4, reason="not_a_digit")
    Prediction.objects.filter(pk__in=[2, 3, 4]).update(created_at="2031-01-01T00:00:00Z")
    told = admin_client.get(f"{PREDICTIONS}?{query}").json()
    assert [each["id"] for each in told["results"]] == found


@pytest.mark.parametrize(
    "query",
    [
        *("digit=10", "status=sure", "review=x", "since=yesterday", "since=2020-13-01"),
        *("page_size=0", "page_size=x", "model=", "digit=1.0"),
    ],
)
def test_a_filter_that_means_nothing_is_a_400_that_names_it(admin_client, query):
    response = admin_client.get(f"{PREDICTIONS}?{query}")
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {query.split("&")[-1].partition("=")[0]}


@pytest.mark.parametrize(
    "query",
    [
        *("cursor=x", "cursor=cD14", "cursor=cD0tMQ==", "since=2020-01-01&cursor=cD0xMg=="),
        "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
    ],
)
def test_a_cursor_of_another_list_is_a_404(admin_client, query):
    response = admin_client.get(f"{PREDICTIONS}?{query}")
    assert (response.status_code, response.json()["code"]) == (404, "invalid_cursor")


def test_a_page_has_a_largest_size(admin_client, add, monkeypatch):
    monkeypatch.setattr(NewestFirst, "max_page_size", 2)
    for _ in range(3):
        add()
    assert len(admin_client.get(f"{PREDICTIONS}?page_size=99999").json()["results"]) == 2


@pytest.mark.parametrize("query", [*FILTERS, ""])
def test_a_page_makes_no_count_and_no_query_for_each_row(
    admin_client, add, django_assert_max_num_queries, query
):
    for _ in range(5):
        add()
    with django_assert_max_num_queries(4) as made:  # the session, its user, a version, the page
        admin_client.get(f"{PREDICTIONS}?{query}")
    assert not [each for each in made if "COUNT(" in each["sql"]]


@pytest.mark.parametrize("query", [*FILTERS, "", "status=certain&review=waiting&model=v1"])
def test_a_page_never_sorts_the_history(add, query):
    add()
    plan = choose(Prediction.objects.all(), QueryDict(query)).explain()
    assert "TEMP B-TREE" not in plan


# One upload


@pytest.fixture
def upload(client, sample):
    return sent(client, sample("7_ballpoint.jpg"), "raw").json()["id"]


def test_a_picture_comes_as_it_was_sent_to_be_saved_and_never_run(admin_client, sample, upload):
    response = admin_client.get(f"{PREDICTIONS}/{upload}/picture")
    assert response.getvalue() == sample("7_ballpoint.jpg")
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == f'attachment; filename="upload-{upload}.jpg"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_the_pixels_come_as_a_png(admin_client, upload):
    response = admin_client.get(f"{PREDICTIONS}/{upload}/pixels")
    assert response["Content-Type"] == "image/png"
    assert response.content[16:24] == bytes([0, 0, 0, 28] * 2)


def test_an_answer_is_explained_later(admin_client, upload):
    told = admin_client.get(f"{PREDICTIONS}/{upload}/explanation").json()
    assert told["steps"][0]["name"] == "decoded"
    assert told["occlusion"].startswith("data:image/png;base64,")


def test_an_erased_upload_leaves_its_answer_and_no_picture(admin_client, upload, files):
    Prediction.objects.update(label=1)
    assert admin_client.delete(f"{PREDICTIONS}/{upload}").status_code == 204
    told = admin_client.get(f"{PREDICTIONS}/{upload}").json()
    assert (told["digit"], told["label"], told["sha256"]) == (7, 1, None)
    assert told["erased_at"]
    for path in ("picture", "pixels", "explanation"):
        response = admin_client.get(f"{PREDICTIONS}/{upload}/{path}")
        assert (response.status_code, response.json()["code"]) == (410, "erased")
    assert admin_client.delete(f"{PREDICTIONS}/{upload}").status_code == 204


def test_a_file_that_is_gone_is_a_404(admin_client, upload, files):
    files()[0].unlink()
    assert admin_client.get(f"{PREDICTIONS}/{upload}/picture").status_code == 404


def test_who_may_erase(client, person, bearer, add, admin_user):
    key, header = bearer("read")
    own, other = add(key=key), add()
    assert client.delete(f"{PREDICTIONS}/{own.pk}", **header).status_code == 204
    assert client.delete(f"{PREDICTIONS}/{other.pk}", **header).status_code == 404
    client.force_login(person("viewer", "Viewers"))
    assert client.delete(f"{PREDICTIONS}/{other.pk}").status_code == 403
    _, header = bearer("read", owner=admin_user)
    assert client.delete(f"{PREDICTIONS}/{other.pk}", **header).status_code == 403
    assert Prediction.objects.get(pk=other.pk).erased_at is None


def test_the_answer_says_what_classify_says_and_more(client, post, sample):
    told, short = sent(client, sample("7_paint.png"), "raw").json(), post("7_paint.png").json()
    both = short.keys() - {"id", "created_at"}
    assert {name: told[name] for name in both} == {name: short[name] for name in both}
    assert registry.active().name == told["model"]
