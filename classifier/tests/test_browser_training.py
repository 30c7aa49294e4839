"""From uploads to a better version in a real browser, on the real server and its worker."""

import time

import numpy as np
import pytest

from classifier.client import Client

from .server import ROOT, Server
from .services import chromium, note_complaints
from .test_loop import drawn

pytestmark = pytest.mark.slow
EPOCHS = 3
QUEUE = "/admin/classifier/prediction/review/"
TRAIN = "/admin/classifier/trainingrun/add/"


@pytest.fixture
def server(tmp_path):
    rng = np.random.default_rng(0)
    (x_train, y_train), (x_test, y_test) = drawn(2000, rng), drawn(300, rng)
    data = tmp_path / "drawn.npz"
    np.savez(data, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    with Server(tmp_path, workers=1, options=(), MNIST_DATA=str(data)) as running:
        yield running


@pytest.fixture
def page(server):
    """A page of the admin, signed in; afterwards nothing may have been complained about."""
    session = server.sign_in("boss").cookies["sessionid"]
    with chromium() as browser:
        context = browser.new_context(base_url=server.url)
        context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
        page = context.new_page()
        complaints = note_complaints(page)
        yield page
        page.goto("about:blank")
    assert [each for each in complaints if "favicon" not in each] == []


def test_what_was_reviewed_is_trained_reported_and_promoted(server, page, sample):
    client = Client(server.url)
    for path in sorted((ROOT / "fixtures" / "digits").iterdir()):
        client.classify(path)
    confirm_all(page)
    page.goto(TRAIN)
    page.fill("[name=name]", "better")
    page.fill("[name=epochs]", str(EPOCHS))
    page.click(".submit-row [type=submit]")
    page.wait_for_selector(f"[data-show=progress] >> text=epoch 2 of {EPOCHS}", timeout=120_000)
    page.wait_for_selector("text=Cancel the training")
    page.click("text=Report", timeout=120_000)
    assert "held-out reviewed uploads that show a digit" in page.inner_text("table")
    page.go_back()
    page.click("text=Make active")
    assert "The gate: passed" in page.inner_text("#content")
    page.click("input[value='Make active']")
    page.wait_for_selector("text=better is now active")
    time.sleep(5)
    assert server.answer(sample("7_paint.png"))["model"] == "better"


def confirm_all(page) -> None:
    """Press Enter until the queue is empty."""
    page.goto(QUEUE)
    page.wait_for_selector("#review-desk:not([hidden])")
    while not page.is_visible("text=All reviewed"):
        page.keyboard.press("Enter")
        page.wait_for_timeout(20)
