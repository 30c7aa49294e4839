import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from classifier import dashboard, registry, review
from classifier.admin.facts import readable
from classifier.models import NOT_A_DIGIT, Prediction


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


@pytest.fixture
def page(client, person):
    """The text of the admin's first page, as a reviewer gets it."""

    client.force_login(person("ann", "Reviewers"))

    def load():
        return client.get("/admin/").content.decode()

    return load


@pytest.mark.filterwarnings("error")  # Django warns of a day without a time zone
def test_the_tile_of_today_leads_to_the_uploads_of_today(page, add, client):
    add()
    Prediction.objects.filter(pk=add().pk).update(created_at=timezone.now() - timedelta(days=2))
    address = re.search(r'href="(/admin/classifier/prediction/\?created_at[^"]*)"', page())[1]
    assert client.get(address).context["cl"].result_count == 1


def test_days_are_counted_apart_and_today_is_the_last(add):
    add()
    add(reason="low_confidence", created_at=timezone.now() - timedelta(days=1))
    add(created_at=timezone.now() - timedelta(days=dashboard.DAYS))
    *_, yesterday, today = dashboard.days()
    assert (today.uploads, today.uncertain) == (1, 0)
    assert (yesterday.uploads, yesterday.uncertain) == (1, 1)
    assert sum(each.uploads for each in dashboard.days()) == 2


def test_a_day_that_is_over_is_counted_once(add, django_assert_num_queries):
    add()
    dashboard.days()
    with django_assert_num_queries(2):
        dashboard.days()


def test_a_large_day_is_estimated_from_even_steps(add, monkeypatch):
    monkeypatch.setattr(dashboard, "COUNTED", 10)
    monkeypatch.setattr(dashboard, "SAMPLED", 10)
    for number in range(60):
        add(reason="low_confidence" if number % 2 == number // 30 else "")
    today = dashboard.count(timezone.now().date())
    assert today.estimated
    assert today.uploads == 60
    assert today.uncertain == 30


def test_an_estimate_allows_for_keys_that_are_not_there(add, monkeypatch):
    monkeypatch.setattr(dashboard, "COUNTED", 10)
    monkeypatch.setattr(dashboard, "SAMPLED", 10)
    rows = [add() for _ in range(40)]
    Prediction.objects.filter(pk__in=[each.pk for each in rows[5:35]]).delete()
    add(pk=rows[-1].pk + 1)
    assert 5 <= dashboard.count(timezone.now().date()).uploads <= 20


def test_accuracy_leaves_out_what_is_no_digit_and_what_is_old(add, person):
    ann = person()
    for label, created_at in (
        (7, None),
        (1, None),
        (NOT_A_DIGIT, None),
        (1, datetime(2020, 1, 1, tzinfo=UTC)),
    ):
        review.correct(add(7, created_at=created_at).pk, label, ann)
    of_all, of_certain = dashboard.accuracy()
    assert (of_all.hits, of_all.of) == (1, 2)
    assert of_certain == of_all


def test_only_uncertain_uploads_without_a_label_wait(add, person):
    add()
    add(reason="not_a_digit")
    review.correct(add(reason="low_confidence").pk, 3, person())
    assert dashboard.waiting() == 1


def test_the_first_page_shows_the_figures(add, page):
    add(reason="low_confidence")
    text = page()
    assert "Uploads today" in text
    assert "100.0 % uncertain" in text
    assert text.count('class="chart"') == 1


def test_a_share_is_drawn_of_days_with_enough_uploads(add, page):
    for _ in range(dashboard.FEWEST - 1):
        add()
    assert "drawn for days with at least" in page()
    add()
    text = page()
    assert "drawn for days with at least" not in text
    assert text.count('class="chart"') == 2


def test_the_first_page_of_an_empty_site_is_calm(page):
    text = page()
    assert "since midnight" in text
    assert "nothing is reviewed yet" in text
    assert 'class="chart"' not in text


def test_a_version_that_cannot_be_loaded_is_said_first(page, db):
    registry.note_problem(registry.register_shipped(), "Its file is damaged.")
    assert "could not be loaded. Its file is damaged." in page()


def test_who_may_not_see_uploads_gets_no_figures(client, person):
    client.force_login(person("bob"))
    assert "Uploads today" not in client.get("/admin/").content.decode()


def test_facts_are_tables_and_a_row_for_each_epoch_is_folded_away():
    facts = {"parameters": 246603, "metrics": {"epochs": [{"loss": 0.5845704}, {"loss": "<b>"}]}}
    text = readable(facts)
    assert "246,603" in text
    assert "<summary>2 rows</summary>" in text
    assert "0.58457<" in text
    assert "&lt;b&gt;" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ({}, "-"), (True, "yes"), (0, "0"), ([1, 2], "1, 2"), (0.1234567, "0.123457")],
)
def test_single_facts_are_written_plainly(value, text):
    assert readable(value) == text
