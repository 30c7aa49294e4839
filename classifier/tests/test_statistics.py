import datetime as dt

import numpy as np
import pytest
from django.utils import timezone

from classifier import review, statistics
from classifier.models import NOT_A_DIGIT, Prediction
from classifier.statistics import Period, Share

PAGE = "/admin/classifier/prediction/statistics/"
TODAY = dt.date(2026, 5, 20)
NOON = dt.datetime.combine(TODAY, dt.time(12), dt.UTC)
WEEK = Period(TODAY - dt.timedelta(6), TODAY)
MONTH_BEFORE = Period(TODAY - dt.timedelta(34), TODAY - dt.timedelta(7))


@pytest.fixture
def ann(person):
    return person("ann", "Reviewers")


@pytest.fixture
def upload_many(add):
    """Put many uploads into a day, with these digits."""
    like = add(created_at=NOON - dt.timedelta(365))

    def create(digits, created_at, confidences=None):
        confidences = np.full(len(digits), 0.995) if confidences is None else confidences
        kept = {
            field.attname: getattr(like, field.attname)
            for field in Prediction._meta.concrete_fields
            if field.attname != "id"
        }
        rows = [
            Prediction(**kept | {"digit": int(digit), "confidence": float(confidence)})
            for digit, confidence in zip(digits, confidences, strict=True)
        ]
        made = Prediction.objects.bulk_create(rows)
        chosen = Prediction.objects.filter(pk__in=[each.pk for each in made])
        chosen.update(created_at=created_at)

    return create


def sentences():
    before, now = (statistics.uploads(period) for period in (MONTH_BEFORE, WEEK))
    return [text for each in statistics.shifts(before, now) if (text := statistics.sentence(each))]


# How right


def test_an_interval_is_wilsons():
    low, high = Share(9, 10).interval
    assert (low, high) == (pytest.approx(0.5958, abs=1e-4), pytest.approx(0.9821, abs=1e-4))
    assert Share(0, 0).interval == (0, 1)


def test_accuracy_counts_reviewed_uploads_that_show_a_digit(add, ann):
    for digit, label in ((7, 7), (7, 1), (3, 3), (8, NOT_A_DIGIT)):
        review.correct(add(digit=digit, created_at=NOON).pk, label, ann)
    add(digit=5, created_at=NOON)
    groups = statistics.reviewed(WEEK)
    assert statistics.accuracy(groups) == Share(2, 3)


def test_the_latest_correction_counts_and_one_that_was_taken_back_does_not(add, ann):
    twice, never = add(digit=7, created_at=NOON), add(digit=7, created_at=NOON)
    review.correct(twice.pk, 1, ann)
    review.correct(twice.pk, 7, ann)
    review.take_back(review.correct(never.pk, 1, ann), ann)
    assert statistics.accuracy(statistics.reviewed(WEEK)) == Share(1, 1)


def test_what_is_no_digit_should_have_been_flagged(add, ann):
    for reason in ("not_a_digit", "low_confidence", ""):
        review.correct(add(reason=reason, created_at=NOON).pk, NOT_A_DIGIT, ann)
    assert statistics.flagged(statistics.reviewed(WEEK)) == Share(2, 3)


def test_the_confusion_matrix_has_labels_down_and_answers_across(add, ann):
    review.correct(add(digit=7, created_at=NOON).pk, 1, ann)
    review.correct(add(digit=7, created_at=NOON).pk, NOT_A_DIGIT, ann)
    counts = statistics.confusion(statistics.reviewed(WEEK))
    assert counts.shape == (11, 10)
    assert counts[1, 7] == counts[NOT_A_DIGIT, 7] == 1
    assert statistics.recall(counts)[1] == Share(0, 1)


def test_a_period_holds_both_its_days_and_no_others(add, ann):
    edges = [dt.datetime.combine(day, dt.time(), dt.UTC) for day in WEEK]
    inside = [edges[0], edges[1] + dt.timedelta(hours=23, minutes=59)]
    outside = [edges[0] - dt.timedelta(seconds=1), edges[1] + dt.timedelta(days=1)]
    for moment in inside + outside:
        review.correct(add(created_at=moment).pk, 7, ann)
    days = sorted(each.day for each in statistics.reviewed(WEEK))
    assert days == [WEEK.first, WEEK.last]


# What moved


@pytest.mark.parametrize("digit", [0, 4, 9])
@pytest.mark.parametrize("seed", range(4))
def test_two_hundred_uploads_of_one_class_are_said_to_be_that_class(upload_many, seed, digit):
    rng = np.random.default_rng(seed)
    upload_many(rng.integers(0, 10, 400), NOON - dt.timedelta(20))
    upload_many(np.full(200, digit), NOON)
    assert sentences()[0].startswith(f"The digit {digit} rose from")
    assert sentences()[0].endswith("to 100.0 % of uploads.")


@pytest.mark.parametrize("seed", range(4))
def test_two_hundred_more_of_one_class_among_ordinary_ones_are_found(upload_many, seed):
    rng = np.random.default_rng(seed)
    upload_many(rng.integers(0, 10, 1000), NOON - dt.timedelta(20))
    upload_many(rng.integers(0, 10, 600), NOON)
    upload_many(np.full(200, 3), NOON)
    assert [each[:16] for each in sentences()] == ["The digit 3 rose"]


@pytest.mark.parametrize("seed", range(12))
def test_two_hundred_ordinary_uploads_move_nothing(upload_many, seed):
    rng = np.random.default_rng(seed)
    for moment in (NOON - dt.timedelta(20), NOON):
        upload_many(rng.integers(0, 10, 200), moment, rng.beta(8, 0.4, 200))
    assert sentences() == []


def test_chance_alone_is_almost_never_said_to_be_a_shift():
    rng = np.random.default_rng(0)
    mix = np.array([18, 15, 12, 11, 10, 9, 8, 7, 6, 4]) / 100
    said = 0
    for size in (30, 50, 200, 2000):
        for _ in range(500):
            before, now = rng.multinomial(200, mix), rng.multinomial(size, mix)
            said += bool(statistics.shift("Class mix", statistics.DIGITS, before, now).moved)
    assert said <= 6  # of 2000


def test_a_fall_of_confidence_is_said(upload_many):
    upload_many(np.arange(200) % 10, NOON - dt.timedelta(20), np.full(200, 0.999))
    upload_many(np.arange(200) % 10, NOON, np.full(200, 0.7))
    assert sentences() == ["Confidence of 50 to 80 % rose from 0.0 % to 100.0 % of uploads."]


def test_too_few_uploads_say_nothing(upload_many):
    upload_many(np.arange(200) % 10, NOON - dt.timedelta(20))
    upload_many(np.full(10, 3), NOON)
    assert sentences() == []


def test_the_index_of_equal_counts_is_nothing_and_grows_with_the_difference():
    equal = np.full(10, 20)
    assert statistics.psi(equal, equal) == 0
    assert statistics.psi(np.array([50, 50]), np.array([60, 40])) == pytest.approx(0.04, abs=0.005)


def test_a_large_period_is_sampled_evenly(upload_many, monkeypatch):
    monkeypatch.setattr(statistics, "SAMPLE", 100)
    monkeypatch.setattr(statistics, "CHUNK", 30)
    upload_many(np.repeat([1, 2], 500), NOON)
    found = statistics.uploads(WEEK)
    assert 90 <= found.total() <= 101
    ones = sum(count for each, count in found.items() if each.digit == 1)
    assert ones == pytest.approx(found.total() / 2, abs=2)


# The page


@pytest.fixture
def today(upload_many, add, admin_user):
    """A month of ordinary uploads, a week of sevens, and some corrections."""
    now = timezone.now()
    upload_many(np.arange(300) % 10, now - dt.timedelta(15))
    upload_many(np.full(200, 7), now)
    for label in (7, 7, 7, 1, NOT_A_DIGIT):
        review.correct(add(digit=7).pk, label, admin_user)


def test_the_page_tells_accuracy_with_its_interval_and_names_what_moved(admin_client, today):
    page = admin_client.get(PAGE).content.decode()
    assert "75.0 %" in page
    assert "30.1 to 95.4 %" in page
    assert "The digit 7 rose from 10.0 % to 100.0 % of uploads." in page
    assert page.count("<svg") >= 5


def test_the_page_is_silent_when_nothing_moved(admin_client, upload_many):
    for days in (0, 15):
        upload_many(np.arange(200) % 10, timezone.now() - dt.timedelta(days))
    page = admin_client.get(PAGE).content.decode()
    assert "of uploads." not in page


def test_the_page_compares_the_periods_of_ones_choice(admin_client, upload_many):
    upload_many(np.arange(200) % 10, NOON - dt.timedelta(20))
    upload_many(np.full(200, 7), NOON)
    query = f"first={WEEK.first}&last={WEEK.last}"
    earlier = f"earlier_first={MONTH_BEFORE.first}&earlier_last={MONTH_BEFORE.last}"
    page = admin_client.get(f"{PAGE}?{query}&{earlier}").content.decode()
    assert "The digit 7 rose" in page


@pytest.mark.parametrize("query", ["first=nonsense", "first=2026-02-02&last=2026-01-01"])
def test_the_page_explains_a_wrong_period(admin_client, db, query):
    response = admin_client.get(f"{PAGE}?{query}")
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()


def test_the_page_of_an_empty_history_says_so(admin_client, db):
    assert "No upload" in admin_client.get(PAGE).content.decode()


def test_the_page_escapes_a_versions_name(admin_client, add, admin_user):
    picture = add()
    picture.version.name = "<b>v1</b>"
    picture.version.save()
    review.correct(picture.pk, 7, admin_user)
    page = admin_client.get(PAGE).content.decode()
    assert "<b>v1" not in page
    assert "&lt;b&gt;v1" in page


def test_the_page_is_for_those_who_may_see_the_history(client, person):
    assert client.get(PAGE)["Location"].startswith("/admin/login/")
    client.force_login(person("clerk"))
    assert client.get(PAGE).status_code == 403
    client.force_login(person("viewer", "Viewers"))
    assert client.get(PAGE).status_code == 200


def test_the_page_takes_few_queries(admin_client, today, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        admin_client.get(PAGE)
