"""The page that shows the API, in a real browser, under the site's content policy."""

import subprocess
import sys

import pytest

from classifier import urls

from .test_browser import browser, synchronous  # noqa: F401 - fixtures


def test_the_schema_is_open_to_anyone_and_names_every_address(client):
    told = client.get("/api/v1/schema").json()
    assert told["openapi"].startswith("3.")
    without = {"api/v1/schema", "api/v1/docs"}
    described = {path.replace("{", "<").replace("}", ">") for path in told["paths"]}
    for each in urls.api:
        path = f"api/v1/{each.pattern}".replace("int:pk", "id").replace("str:name", "name")
        assert f"/{path}" in described or path in without
    assert "/mnist/classify" in described


def test_every_operation_says_what_it_answers(client):
    for operations in client.get("/api/v1/schema").json()["paths"].values():
        for operation in operations.values():
            assert {"401", "403", "429", "503"} < set(operation["responses"])
            assert operation["summary"]


def test_what_describes_the_api_is_imported_only_when_asked():
    """It would take half a second of every start."""
    script = (
        "import django, sys; django.setup(); from django.urls import get_resolver; "
        "get_resolver().url_patterns; print('drf_spectacular' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.django_db(transaction=True)
def test_the_page_shows_the_api_without_a_complaint(live_server, browser, synchronous):  # noqa: F811
    page, complaints, addresses = browser.new_page(), [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("request", lambda request: addresses.append(request.url))
    answer = page.goto(f"{live_server.url}/api/v1/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page.click("text=Read a digit and keep the upload")
    page.wait_for_selector("text=NewPrediction")
    page.wait_for_load_state("networkidle")
    assert complaints == []
    assert not [each for each in addresses if not each.startswith((live_server.url, "data:"))]
