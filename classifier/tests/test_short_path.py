"""An upload passes the same gates on its short path as anything else on the long one."""

import pytest
from django.test import Client


@pytest.fixture
def sessions(monkeypatch):
    """How often something asked for the session's middleware."""
    from django.contrib.sessions.middleware import SessionMiddleware

    seen, process = [], SessionMiddleware.process_request
    monkeypatch.setattr(
        SessionMiddleware,
        "process_request",
        lambda self, request: (seen.append(request.path), process(self, request))[1],
    )
    return seen


@pytest.mark.django_db
def test_an_upload_meets_no_session_and_a_page_does(post, client, sessions):
    assert post().status_code == 200
    assert not sessions
    client.get("/")
    assert sessions == ["/"]


@pytest.mark.django_db
def test_an_upload_has_the_headers_and_the_route_of_any_answer(post):
    response = post(HTTP_X_REQUEST_ID="mine")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-ID"] == "mine"
    assert response.resolver_match.route == "mnist/classify"


@pytest.mark.django_db
def test_an_upload_is_sent_to_https_where_that_is_required(post, settings):
    settings.SECURE_SSL_REDIRECT = True
    response = post()
    assert (response.status_code, response.headers["Location"][:8]) == (301, "https://")


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "status"), [("get", 405), ("put", 405), ("options", 200)])
def test_other_methods_take_the_long_path_to_the_same_view(client, method, status):
    assert getattr(client, method)("/mnist/classify").status_code == status


@pytest.mark.django_db
def test_an_unforeseen_error_is_answered_and_not_raised(post, monkeypatch):
    from classifier.api import views

    monkeypatch.setattr(views.ClassifyView, "dispatch", lambda self, request: 1 / 0)
    client = Client(raise_request_exception=False)
    assert client.post("/mnist/classify").status_code == 500
