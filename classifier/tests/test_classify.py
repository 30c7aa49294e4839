import gc
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import RequestFactory

from classifier import history, inference
from classifier.api.views import ClassifyView
from classifier.models import Prediction

pytestmark = pytest.mark.django_db
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_digit_is_answered_with_its_class_and_everything_about_it(post):
    response = post("7_paint.png")
    answer = response.json()
    assert response.status_code == 200
    assert answer["classification"] == "7"
    assert answer["digit"] == 7
    assert answer["probabilities"][7] == pytest.approx(answer["confidence"])
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert answer["status"] == "certain"
    assert answer["model"] == inference.predictor().version
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", answer["created_at"])


@pytest.mark.parametrize(
    "name", ["3_phone.jpg", "5_transparent.png", "2_fountain.webp", "4_scan.bmp"]
)
def test_each_format_is_read(post, name):
    assert post(name).json()["classification"] == name[0]


def test_an_upload_is_kept_whole_with_all_that_is_known_of_it(post, sample):
    answer = post("7_paint.png", name="my seven.png", HTTP_X_REQUEST_ID="abc-1").json()
    kept = Prediction.objects.get(pk=answer["id"])
    assert kept.upload.read() == sample("7_paint.png")
    assert (kept.digit, kept.format, kept.original_name) == (7, "PNG", "my seven.png")
    assert kept.pixels.shape == (28, 28)
    assert kept.request_id == "abc-1"
    assert kept.duration_us > 0


def test_an_answer_is_explained_when_asked(client, sample):
    image = SimpleUploadedFile("7.jpg", sample("7_ballpoint.jpg"))
    why = client.post("/mnist/classify?explain=1", {"image": image}).json()["explanation"]
    assert (why["steps"][0]["name"], why["steps"][-1]["name"]) == ("decoded", "framed")
    assert why["occlusion"].startswith("data:image/png;base64,")


@pytest.mark.parametrize("where", ["query", "form"])
def test_a_request_may_name_the_version_that_answers(client, sample, version, where):
    version("other", temperature=3.0)
    fields = {"image": SimpleUploadedFile("7.png", sample("7_paint.png"))}
    query = "?model=other" if where == "query" else ""
    answer = client.post(f"/mnist/classify{query}", fields | ({} if query else {"model": "other"}))
    assert (answer.json()["model"], answer.json()["digit"]) == ("other", 7)
    assert Prediction.objects.get().version.name == "other"


@pytest.mark.parametrize("name", ["nowhere", "../c1", "a%00b", "x" * 500])
def test_an_unknown_version_is_a_404_that_keeps_nothing(client, sample, files, name):
    image = SimpleUploadedFile("7.png", sample("7_paint.png"))
    response = client.post(f"/mnist/classify?model={name}", {"image": image})
    assert (response.status_code, response.json()["code"]) == (404, "unknown_model")
    assert not files()


def test_a_request_makes_no_query_for_which_version_answers(post, django_assert_num_queries):
    post()
    with django_assert_num_queries(1):  # the row of the upload
        post()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/mnist/classify", 405), ("post", "/mnist/classify", 404), ("get", "/nowhere", 404)],
)
def test_a_browser_gets_a_page_with_the_earth(client, method, path, status):
    response = getattr(client, method)(path, HTTP_ACCEPT=BROWSER)
    page = response.content.decode()
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert "<pre" in page
    assert "########" in page


def test_a_page_escapes_what_the_client_sent(client):
    page = client.get("/<script>alert(1)</script>", HTTP_ACCEPT=BROWSER).content.decode()
    assert "<script>alert" not in page


def test_a_name_from_the_client_is_kept_on_one_line_and_cut(post):
    post(name="a" * 300 + ".png")
    assert len(Prediction.objects.get().original_name) <= 255
    assert history._printable("a\r\nb\0c") == "a??b?c"


def test_an_unsafe_request_id_is_replaced(post):
    response = post(HTTP_X_REQUEST_ID="a b\nc")
    assert re.fullmatch("[0-9a-f]{32}", response["X-Request-ID"])


def test_without_a_network_the_answer_is_503_and_when_to_try_again(post, settings, files, tmp_path):
    settings.BASE_DIR = tmp_path  # with nothing in ml/weights
    response = post()
    assert response.status_code == 503
    assert response["Retry-After"]
    assert response.json()["code"] == "not_ready"
    assert not files()


def test_a_failure_inside_the_network_is_a_503_that_keeps_nothing(post, monkeypatch, files):
    monkeypatch.setattr(inference, "classify", lambda upload, version: 1 / 0)
    response = post()
    assert response.status_code == 503
    assert "division" not in json.dumps(response.json())
    assert not files()


def test_when_the_row_cannot_be_written_the_file_goes_too(post, monkeypatch, files):
    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(history, "_insert", fail)
    response = post()
    assert (response.status_code, response.json()["code"]) == (503, "not_kept")
    assert not files()


def test_when_the_file_cannot_be_written_there_is_no_row(post, settings, files):
    (settings.MEDIA_ROOT / "uploads").write_text("a file where a folder should be")
    assert post().status_code == 503
    assert not Prediction.objects.exists()


def test_another_host_is_told_what_would_let_it_in(post, files):
    response = post(HTTP_HOST="evil.example")
    assert (response.status_code, response.json()["code"]) == (400, "bad_host")
    assert "DJANGO_ALLOWED_HOSTS" in response.json()["detail"]
    assert not files()


def test_an_upload_leaves_nothing_for_the_garbage_collector(sample):
    """What it finds later takes room in the processor's caches until then: a tenth of all time."""
    image = SimpleUploadedFile("7.png", sample("7_paint.png"))
    request = RequestFactory().post("/mnist/classify", {"image": image})
    request.id = "mine"

    def views():
        return sum(type(each) is ClassifyView for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = views()
        assert ClassifyView.as_view()(request).status_code == 200
        del request
        assert views() == before
    finally:
        gc.enable()
