"""Lists of the admin among more rows than are counted, and the indexes that they walk."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from classifier.admin import long_lists, predictions
from classifier.models import DOUBTFUL, Prediction

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/prediction/"
BY_TIME = ["-created_at", "-id"]


@pytest.fixture
def ten(add, monkeypatch):
    """Ten uploads, where five are many and a page has three."""
    monkeypatch.setattr(long_lists, "COUNTED", 5)
    monkeypatch.setattr(predictions.PredictionAdmin, "list_per_page", 3)
    return [add(digit=digit, confidence=0.9 - digit / 100) for digit in range(10)]


def ids(page):
    return [row.pk for row in page.context["cl"].result_list]


def test_a_long_list_says_more_than_and_a_short_one_how_many(admin_client, ten):
    assert "more than 5 predictions" in admin_client.get(LIST).text
    assert "1 prediction\n" in admin_client.get(f"{LIST}?digit=3").text


def test_after_the_last_page_that_is_counted_the_list_goes_on(admin_client, ten):
    seen, query = [], "?"
    while query:
        seen += ids(admin_client.get(LIST + query))
        page = admin_client.get(f"{LIST}{query}&p=2")
        seen += ids(page) if page.status_code == 200 else []
        link = re.search(r'href="([^"]+)">Next', page.text)
        query = link and link[1].replace("&amp;", "&")
    assert seen == [each.pk for each in reversed(ten)]


def test_a_list_of_days_goes_on_by_time(admin_client, ten):
    since = f"{timezone.now() - timedelta(1):%Y-%m-%dT00:00:00Z}"
    link = admin_client.get(f"{LIST}?p=2&created_at__gte={since}").context["cl"].following
    assert "created_at__gte=" in link
    assert ids(admin_client.get(LIST + link))[0] == ten[5].pk  # again, should two be of one moment


def test_only_a_short_list_is_sorted_by_another_column(admin_client, ten, add):
    by_digit = "o=4"
    assert ids(admin_client.get(f"{LIST}?{by_digit}"))[0] == ten[-1].pk
    assert "is not sorted" in admin_client.get(f"{LIST}?{by_digit}").text
    Prediction.objects.filter(digit__gt=3).update(reason="not_a_digit")
    page = admin_client.get(f"{LIST}?{by_digit}&status=certain")
    assert ids(page)[0] == ten[0].pk
    assert "is not sorted" not in page.text


def test_what_has_no_index_is_searched_among_the_newest_first(admin_client, add, monkeypatch):
    monkeypatch.setattr(long_lists, "LOOK_BACK", 2)
    old = add(original_name="seven.png", request_id="r-1", sha256=b"\1" * 32)
    new = add(original_name="seven.png"), add()
    for term, found in (("seven", [new[0].pk]), ("r-1", []), ("01" * 32, []), (old.pk, [old.pk])):
        page = admin_client.get(f"{LIST}?q={term}")
        assert ids(page) == found
        assert "among the newest 2 uploads" in page.text


@pytest.mark.parametrize("where", ["searched=all", "created_at__gte=2000-01-01T00:00Z"])
def test_a_search_looks_further_back_when_asked(admin_client, add, monkeypatch, where):
    monkeypatch.setattr(long_lists, "LOOK_BACK", 2)
    old = add(original_name="seven.png", request_id="r-1")
    add(), add()
    for term in ("seven", "r-1", old.pk):
        page = admin_client.get(f"{LIST}?q={term}&{where}")
        assert ids(page) == [old.pk]
        assert "among the newest" not in page.text


def test_where_to_search_is_only_asked_while_one_searches(admin_client, add):
    assert "all uploads, however" not in admin_client.get(LIST).text
    assert "all uploads, however" in admin_client.get(f"{LIST}?q=seven").text


def test_a_list_is_filtered_by_version(admin_client, add, version):
    mine, _ = add(version=version("other")), add()
    assert ids(admin_client.get(f"{LIST}?version={mine.version_id}")) == [mine.pk]
    assert ids(
        admin_client.get(f"{LIST}?version={mine.version_id}&created_at__gte=2000-01-01T00:00Z")
    )
    assert len(ids(admin_client.get(f"{LIST}?version=nonsense"))) == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plans are SQLite's")
@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda rows: rows.with_status("uncertain"), "uncertain"),
        (lambda rows: rows.with_status("several_digits"), "uncertain"),
        (lambda rows: rows.with_status("not_a_digit").with_review("waiting"), "uncertain"),
        (lambda rows: rows.answered_by(1), "answered_by"),
        (lambda rows: rows.with_review("reviewed"), "reviewed"),
        (lambda rows: rows.with_review("disagrees"), "disagreements"),
        (lambda rows: rows.filter(label=3), "reviewed_by_label"),
        (lambda rows: rows.filter(key=1), "uploaded_by_key"),
        (
            lambda rows: (
                rows.filter(created_at__gt=timezone.now())
                .answered_by(1, by_time=True)
                .order_by(*BY_TIME)
            ),
            "classifier_prediction_created_at_87c40460",
        ),
        (
            lambda rows: rows.filter(DOUBTFUL, reason="").order_by("confidence", "pk"),
            "waiting_for_review",
        ),
    ],
)
def test_a_page_walks_an_index_and_sorts_nothing(rows, index):
    plan = rows(Prediction.objects.all()).explain()
    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plans are SQLite's")
@pytest.mark.parametrize("review", [None, "waiting"])
def test_a_page_of_nearly_all_walks_the_key(review):
    rows = Prediction.objects.with_status("certain")
    plan = (rows.with_review(review) if review else rows).explain()
    assert "SCAN classifier_prediction" in plan
    assert "INDEX" not in plan
    assert "TEMP B-TREE" not in plan
