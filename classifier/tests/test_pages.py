"""The pages for everybody, as they are sent; what they do is tried in test_browser.py."""

import json
from io import BytesIO

import pytest

from classifier.models import Prediction

PAGES = ["/", "/docs/", "/docs/model-card", "/docs/report"]


@pytest.fixture
def preview(client, sample, db):
    """Ask for a preview of a sample picture."""

    def ask(picture="7_paint.png", query=""):
        image = BytesIO(sample(picture))
        image.name = picture
        return client.post(f"/api/v1/previews{query}", {"image": image})

    return ask


def test_a_preview_is_answered_like_an_upload_and_nothing_is_kept(preview, post, files):
    seen = preview().json()
    assert not Prediction.objects.exists()
    assert not files()
    kept = post().json()
    same = set(kept) - {"id", "created_at"}
    assert {key: seen[key] for key in same} == {key: kept[key] for key in same}
    assert set(seen) - same == {"pixels"}


def test_a_preview_explains_itself_when_asked(preview):
    body = preview(query="?explain=1").json()
    assert body["explanation"]["steps"][-1]["image"] == body["pixels"]


def test_a_blank_preview_says_so(client, db):
    response = client.post("/api/v1/previews")
    assert (response.status_code, response.json()["code"]) == (400, "no_image")


def test_where_keys_are_required_previews_are_for_staff(client, preview, person, settings):
    settings.MNIST_REQUIRE_KEY = True
    assert preview().status_code == 401
    client.force_login(person())
    assert preview().status_code == 200


def test_where_keys_are_required_a_stranger_is_told_who_may(client, db, settings):
    settings.MNIST_REQUIRE_KEY = True
    assert "sign in</a>" in client.get("/").content.decode()


def test_the_first_page_costs_a_visitor_no_cookie_and_one_query(
    client, db, django_assert_num_queries
):
    client.get("/")  # registers the shipped network
    with django_assert_num_queries(1):
        response = client.get("/")
    assert response.status_code == 200
    assert not response.cookies


@pytest.mark.parametrize(("group", "asked"), [("Reviewers", True), (None, False)])
def test_only_who_may_review_is_asked_what_a_picture_shows(client, person, group, asked):
    client.force_login(person("ann", *filter(None, [group])))
    assert (b"Was this right?" in client.get("/").content) == asked


@pytest.mark.parametrize("address", [*PAGES, "/nowhere", "/admin/login/"])
def test_every_page_has_a_policy_that_lets_no_inline_script_run(client, db, address):
    response = client.get(address, HTTP_ACCEPT="text/html")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy or "sandbox" in policy  # the report is a file of its own
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Referrer-Policy"] == "same-origin"


def test_json_is_sent_without_a_policy(client, post):
    for response in (post(), client.get("/healthz"), client.get("/nowhere")):
        assert json.loads(response.content) is not None
        assert "Content-Security-Policy" not in response


def test_no_page_has_an_inline_script_or_style(client, admin_client, db):
    for page in (client.get("/"), client.get("/docs/model-card"), admin_client.get("/admin/")):
        text = page.content.decode()
        assert "<style" not in text
        assert " style=" not in text
        assert all("src=" in tag for tag in text.split("<script")[1:])


def test_the_icon_is_where_browsers_look_for_it(client):
    assert client.get("/favicon.ico")["Location"] == "/static/classifier/icon.svg"
