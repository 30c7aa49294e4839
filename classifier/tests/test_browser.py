"""The review queue in a real browser, under the site's content policy."""

import os
import time

import pytest
from django.contrib.auth.models import Permission

from classifier.models import NOT_A_DIGIT, Correction, Prediction, ReviewClaim

from .services import chromium, note_complaints

QUEUE = "/admin/classifier/prediction/review/"


@pytest.fixture
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def synchronous(monkeypatch):
    """Playwright runs a loop in this thread; Django wants to be told that this is all right."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def uploads(transactional_db, post):
    return [post(f"{digit}_paint.png").json()["id"] for digit in range(10)]


@pytest.fixture
def page(uploads, live_server, browser, synchronous, client, django_user_model):
    """The queue, opened by a reviewer; afterwards nothing may have been complained about."""
    reviewer = django_user_model.objects.create_user("ann", is_staff=True)
    rights = Permission.objects.filter(codename__in=["view_prediction", "review"])
    reviewer.user_permissions.set(rights)
    client.force_login(reviewer)
    context = browser.new_context(base_url=live_server.url)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    complaints = note_complaints(page)
    page.goto(QUEUE)
    page.wait_for_selector("#review-desk:not([hidden])")
    yield page
    page.goto("about:blank")
    assert [each for each in complaints if "Failed to load resource" not in each] == []


def settled(page):
    """Wait until all answers have reached the service."""
    page.wait_for_load_state("networkidle")


def shown(page) -> int:
    """The upload that is in view."""
    return int(page.inner_text("#review-link").removeprefix("Upload "))


def test_ten_pictures_are_reviewed_with_keys(page, uploads):
    started = time.monotonic()
    order = []
    for key in ("Enter", "5", "n", "Enter", "0", "Enter", "Enter", "9", "Enter", "Enter"):
        order.append(shown(page))
        page.keyboard.press(key)
    took = time.monotonic() - started
    page.wait_for_selector("text=All reviewed")
    assert took < 6  # a hundred a minute
    labels = [Prediction.objects.get(pk=pk).label for pk in order]
    digits = [Prediction.objects.get(pk=pk).digit for pk in order]
    assert labels[1:3] == [5, NOT_A_DIGIT]
    assert (labels[0], labels[3], labels[4]) == (digits[0], digits[3], 0)
    assert Correction.objects.count() == len(set(order)) == 10


def test_u_brings_the_picture_back_and_the_next_answer_counts(page):
    first = shown(page)
    for key in ("1", "u"):
        page.keyboard.press(key)
    assert shown(page) == first
    page.keyboard.press("2")
    page.wait_for_selector("text=1 reviewed")
    settled(page)
    assert Prediction.objects.get(pk=first).label == 2
    assert [each.to_label for each in Correction.objects.order_by("pk")] == [1, None, 2]


def test_a_mouse_does_what_keys_do_and_enter_still_confirms(page):
    first = shown(page)
    page.click("[data-label='4']")
    second = shown(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=2 reviewed")
    settled(page)
    assert Prediction.objects.get(pk=first).label == 4
    confirmed = Prediction.objects.get(pk=second)
    assert confirmed.label == confirmed.digit


def test_a_key_that_is_held_down_answers_once(page):
    page.keyboard.down("3")
    page.keyboard.down("3")
    page.keyboard.up("3")
    settled(page)
    assert Correction.objects.count() == 1


def test_leaving_the_page_gives_its_pictures_back(page):
    assert ReviewClaim.objects.count() == 10
    page.goto("/admin/")
    settled(page)
    assert not ReviewClaim.objects.exists()


def test_an_answer_that_cannot_be_kept_is_said_and_the_picture_comes_again(page):
    first = shown(page)
    page.context.set_offline(True)
    page.keyboard.press("3")
    page.wait_for_selector("text=Not saved")
    page.context.set_offline(False)
    second = shown(page)
    page.keyboard.press("3")  # meant for the first, which is not in view any more
    page.wait_for_selector("text=Nothing was labelled")
    assert shown(page) == second
    page.keyboard.press("Enter")
    assert shown(page) == first
