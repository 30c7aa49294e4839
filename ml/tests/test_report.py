import json

import numpy as np
import pytest

from ml import evaluate, report
from ml.evaluate import Answers, Labelled
from ml.header import InvalidImage
from ml.predict import Guess
from ml.preprocess import Prepared

BLACK = np.zeros((28, 28), np.uint8)


def answered(label: int, digit: int | None, confidence: float = 0.9) -> tuple:
    """A picture and a guess of `digit`; None is a refusal."""
    prepared = InvalidImage("blank", "") if digit is None else Prepared(BLACK, several=False)
    picture = Labelled(f"{label}<b>.png", label, BLACK, prepared)
    if digit is None:
        return picture, None
    probabilities = np.full(10, (1 - confidence) / 9, np.float32)
    probabilities[digit] = confidence
    reason = "" if confidence > 0.5 else "low_confidence"
    return picture, Guess(digit, confidence, probabilities, reason, BLACK, "net")


@pytest.fixture
def answers():
    """Three right, one of them unsure, one wrong, one refused."""
    pairs = [answered(1, 1), answered(2, 2), answered(3, 3, 0.4), answered(7, 1), answered(8, None)]
    pictures, guesses = zip(*pairs, strict=True)
    return Answers("five", list(pictures), list(guesses))


def test_a_refused_picture_counts_as_wrong(answers):
    figures = evaluate.figures(answers)
    assert (figures["images"], figures["refused"], figures["correct"]) == (5, 1, 3)
    assert figures["accuracy"] == 0.6
    assert figures["certain"] == 0.6
    assert figures["accuracy_of_certain"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_set_of_nothing_but_refusals_has_no_accuracy(answers):
    only = Answers("none", answers.pictures[-1:], answers.guesses[-1:])
    assert report.summarize(only)["accuracy"] == 0.0


def test_the_summary_counts_what_was_taken_for_what(answers):
    summary = report.summarize(answers)
    assert summary["confusion"][7][1] == 1
    assert sum(map(sum, summary["confusion"])) == 4
    assert summary["recall"][1] == 1
    assert summary["recall"][8] == 0
    assert summary["recall"][0] is None
    assert [each["label"] for each in summary["mistakes"]] == [7, 8]


def test_the_interval_is_wilsons():
    assert report.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998
    assert report.wilson(10, 10)[1] == pytest.approx(1)


def test_the_surest_answers_come_first_in_coverage(answers):
    coverage = report.summarize(answers)["coverage"]
    assert coverage[0][1] >= coverage[-1][1] == 0.75


def test_the_report_is_written_as_json_and_as_a_page(answers, tmp_path, shipped):
    report.write(tmp_path, shipped.facts, [answers])
    record = json.loads((tmp_path / "report.json").read_text())
    page = (tmp_path / "report.html").read_text()
    assert record["model"] == shipped.name
    assert page.count("<svg") == 3
    assert page.count("<img") == 3  # a mistake with what was seen, and a refusal
    assert "<b>" not in page


def test_pictures_of_other_sets_stay_out_of_the_page(answers, tmp_path, shipped):
    report.write(tmp_path, shipped.facts, [answers], pictures_of=["others"])
    assert "<img" not in (tmp_path / "report.html").read_text()
