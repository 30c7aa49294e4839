import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from django.utils import timezone

from classifier import review
from classifier.models import DOUBTFUL, NOT_A_DIGIT, Correction, Prediction, ReviewClaim

from .services import postgres

EVIDENCE = ["upload", "sha256", "digit", "confidence", "probabilities_float32", "reason"]


@pytest.fixture
def ann(person):
    return person("ann", "Reviewers")


@pytest.fixture
def bob(person):
    return person("bob", "Reviewers")


def label(prediction):
    return Prediction.objects.get(pk=prediction.pk).label


# Corrections


def test_a_correction_says_who_when_from_what_to_what_and_why(add, ann):
    seven = add(digit=7)
    made = review.correct(seven.pk, 1, ann, note="a stroke too many")
    assert (made.reviewer, made.from_label, made.to_label) == (ann, 7, 1)
    assert made.note == "a stroke too many"
    assert timezone.now() - made.created_at < timedelta(minutes=1)


def test_the_latest_correction_counts(add, ann, bob):
    seven = add(digit=7)
    review.correct(seven.pk, 1, ann)
    assert review.correct(seven.pk, NOT_A_DIGIT, bob).from_label == 1
    assert label(seven) == NOT_A_DIGIT


def test_a_correction_leaves_what_was_recorded_as_it_was(add, ann):
    seven = add(digit=7)
    recorded = Prediction.objects.filter(pk=seven.pk).values(*EVIDENCE)
    before = recorded.get()
    review.correct(seven.pk, 1, ann)
    assert recorded.all().get() == before


def test_a_correction_is_never_changed_and_never_deleted(add, ann):
    made = review.correct(add().pk, 1, ann)
    made.to_label = 2
    for change in (made.save, made.delete, Correction.objects.all().delete):
        with pytest.raises(TypeError, match="Add another"):
            change()
    with pytest.raises(TypeError, match="Add another"):
        Correction.objects.update(to_label=2)


def test_corrections_go_with_their_upload(add, ann):
    review.correct(add().pk, 1, ann)
    Prediction.objects.all().delete()
    assert not Correction.objects.exists()


@pytest.mark.parametrize("wrong", [11, -1])
def test_the_database_refuses_an_unknown_label(add, ann, wrong):
    with pytest.raises(IntegrityError):
        review.correct(add().pk, wrong, ann)


def test_one_step_back_restores_what_counted_before_by_a_further_row(add, ann, bob):
    seven = add(digit=7)
    review.correct(seven.pk, 1, bob)
    review.take_back(review.correct(seven.pk, 2, ann), ann)
    assert label(seven) == 1
    assert [each.to_label for each in seven.corrections.all()] == [1, 2, 1]


def test_taking_back_the_first_correction_leaves_the_picture_not_reviewed(add, ann):
    seven = add()
    review.take_back(review.correct(seven.pk, 1, ann), ann)
    assert label(seven) is None


def test_only_ones_own_latest_correction_can_be_taken_back(add, ann, bob):
    seven = add()
    first = review.correct(seven.pk, 1, ann)
    with pytest.raises(review.NotYours):
        review.take_back(first, bob)
    review.correct(seven.pk, 2, bob)
    with pytest.raises(review.NotYours):
        review.take_back(first, ann)


def test_nothing_is_taken_back_twice(add, ann):
    made = review.correct(add().pk, 1, ann)
    review.take_back(made, ann)
    with pytest.raises(review.NotYours):
        review.take_back(made, ann)


def test_many_are_labelled_at_once_in_few_queries(add, ann, django_assert_max_num_queries):
    for digit in (1, 7, 7, 9):
        add(digit=digit)
    with django_assert_max_num_queries(8):
        assert review.correct_many(Prediction.objects.filter(digit=7), 1, ann) == 2
    assert Prediction.objects.filter(label=1).count() == Correction.objects.count() == 2


def test_many_are_confirmed_at_once_each_as_it_was_read(add, ann, monkeypatch):
    monkeypatch.setattr(review, "BATCH", 2)
    for digit in (1, 7, 9):
        add(digit=digit)
    waiting = Prediction.objects.with_review("waiting")
    assert review.correct_many(waiting, None, ann) == 3
    assert list(Prediction.objects.with_review("agrees").values_list("label")) == [(9,), (7,), (1,)]


def test_many_are_taken_back_where_the_latest_word_is_ones_own(add, ann, bob):
    mine, twice, theirs, nobodys = add(digit=1), add(digit=2), add(digit=3), add(digit=4)
    review.correct(twice.pk, 5, bob)
    review.correct_many(Prediction.objects.filter(digit__in=[1, 2]), 9, ann)
    review.correct(theirs.pk, 9, bob)
    assert review.take_back_many(Prediction.objects.all(), ann) == 2
    assert [label(each) for each in (mine, twice, theirs, nobodys)] == [None, 5, 9, None]


# The queue


def test_the_least_certain_comes_first(add, ann):
    sure, unsure = add(confidence=0.99), add(confidence=0.6)
    rejected = add(confidence=0.98, reason="not_a_digit")
    hesitant = add(confidence=0.5, reason="low_confidence")
    assert review.claim(ann, 10) == [hesitant, rejected, unsure, sure]


def test_the_surest_come_last_and_newest_first(add, ann):
    surest, sure = add(confidence=0.999), add(confidence=0.96)
    unsure = add(confidence=0.94)
    assert review.claim(ann, 10) == [unsure, sure, surest]
    assert review.claim(ann, 10) == []


def test_a_reviewed_picture_is_not_asked_again(add, ann):
    review.correct(add().pk, 1, ann)
    assert review.claim(ann, 10) == []


def test_two_reviewers_never_get_the_same_picture(add, ann, bob):
    pictures = [add(confidence=each / 10) for each in range(1, 7)]
    taken = review.claim(ann, 2) + review.claim(bob, 2) + review.claim(ann, 2)
    assert taken == pictures


def test_a_claim_expires(add, ann, bob):
    picture = add()
    review.claim(ann, 1)
    assert review.claim(bob, 1) == []
    ReviewClaim.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert review.claim(bob, 1) == [picture]


def test_each_answer_renews_the_reviewers_other_claims(add, ann):
    add(), add()
    first, second = review.claim(ann, 2)
    soon = timezone.now() + timedelta(seconds=1)
    ReviewClaim.objects.update(expires_at=soon)
    review.answer(first.pk, 7, ann)
    assert ReviewClaim.objects.get().prediction == second
    assert ReviewClaim.objects.get().expires_at > soon


def test_an_answer_too_late_is_kept_if_nobody_else_has_the_picture(add, ann):
    picture = add()
    review.claim(ann, 1)
    ReviewClaim.objects.all().delete()
    review.answer(picture.pk, 3, ann)
    assert label(picture) == 3


def test_an_answer_too_late_never_overrides_somebody_elses(add, ann, bob):
    picture = add()
    review.claim(bob, 1)
    with pytest.raises(review.NotYours):
        review.answer(picture.pk, 3, ann)
    review.answer(picture.pk, 4, bob)
    with pytest.raises(review.NotYours):
        review.answer(picture.pk, 3, ann)
    assert label(picture) == 4


def test_undo_gives_the_picture_back_to_the_same_reviewer(add, ann, bob):
    picture = add()
    review.claim(ann, 1)
    review.undo(review.answer(picture.pk, 3, ann), ann)
    assert label(picture) is None
    assert review.claim(bob, 1) == []
    review.answer(picture.pk, 4, ann)
    assert label(picture) == 4


def test_released_pictures_are_free_for_others_and_only_ones_own_are_released(add, ann, bob):
    picture = add()
    review.claim(ann, 1)
    review.release([picture.pk], bob)
    assert review.claim(bob, 1) == []
    review.release([picture.pk], ann)
    assert review.claim(bob, 1) == [picture]


def test_the_queue_can_be_narrowed(add, ann):
    add(digit=1), add(digit=7)
    assert [each.digit for each in review.claim(ann, 9, Prediction.objects.filter(digit=7))] == [7]


def test_the_count_of_what_waits_stops_early(add):
    for _ in range(5):
        add()
    assert (review.waiting_count(3), review.waiting_count(10)) == (3, 5)


def test_the_next_picture_is_found_by_the_index(add, ann, django_assert_max_num_queries):
    add()
    if connection.vendor == "sqlite":
        rows = Prediction.objects.filter(DOUBTFUL)
        waiting = rows.filter(reason="").order_by("confidence")
        assert "waiting_for_review" in waiting.explain()
        assert "TEMP B-TREE" not in waiting.explain()
    with django_assert_max_num_queries(11):
        review.claim(ann, 10)


def together(address, folder):
    """What eight reviewers at once got from the queue."""
    done = subprocess.run(
        [sys.executable, "-m", "classifier.tests.reviewers"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DATABASE_URL": address, "MEDIA_ROOT": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def test_eight_reviewers_at_once_share_the_queue_on_sqlite(tmp_path):
    done = together(f"sqlite:///{tmp_path / 'db.sqlite3'}", tmp_path)
    assert sorted(done["given"]) == sorted(set(done["given"]))
    assert len(done["given"]) == done["corrections"] == 120


def test_eight_reviewers_at_once_share_the_queue_on_postgresql(tmp_path):
    with postgres() as address:
        done = together(address, tmp_path)
    assert sorted(done["given"]) == sorted(set(done["given"]))
    assert len(done["given"]) == done["corrections"] == 120


# Rights


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("group", "rights"),
    [
        ("Viewers", set()),
        ("Reviewers", {"review"}),
        ("Trainers", {"review", "train"}),
        ("Promoters", {"review", "train", "promote"}),
    ],
)
def test_the_groups_hold_the_rights_their_names_say(group, rights):
    held = set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))
    assert {"view_prediction", "view_promotion", "view_replay", "view_replayanswer"} <= held
    assert held & {"review", "train", "promote", "overrule"} == rights
