"""Pictures whose first reading is in doubt, and what the network makes of the others."""

import cv2
import numpy as np
import pytest

from benchmarks.kinds import GROUPS, KINDS
from conftest import DIGITS
from ml.header import InvalidImage
from ml.picture import as_png
from ml.preprocess import prepare
from ml.readings import FIRST, OTHERS

SHOWN = (0, 2, 4, 7)  # drawn in a paint program, each put into pictures of every kind


@pytest.fixture(scope="module")
def images():
    """Digits in MNIST's frame, (28, 28) uint8."""
    return {digit: prepare((DIGITS / f"{digit}_paint.png").read_bytes()).pixels for digit in SHOWN}


def drawn(background: np.ndarray) -> np.ndarray:
    """A 4 in black, on a picture of 200x200."""
    points = np.array([[80, 40], [60, 110], [140, 110]])
    stem = np.array([[120, 70], [120, 165]])
    return cv2.polylines(background, [points, stem], False, (0, 0, 0), 10)


def sheet() -> np.ndarray:
    return np.full((200, 200, 3), 235, np.uint8)


@pytest.mark.parametrize(
    "kind", [kind for group in ("lines", "edges", "scenes", "issue") for kind in GROUPS[group]]
)
def test_a_digit_is_read_in_pictures_of_each_kind(predictor, images, kind):
    found = {
        digit: predictor.read(as_png(KINDS[kind](image, np.random.default_rng(digit)))).digit
        for digit, image in images.items()
    }
    assert found == {digit: digit for digit in images}


@pytest.mark.parametrize("kind", GROUPS["plain"])
def test_a_plain_picture_is_read_as_before(predictor, images, kind):
    for digit, image in images.items():
        guess = predictor.read(as_png(KINDS[kind](image, np.random.default_rng(digit))))
        assert (guess.digit, guess.status) == (digit, "certain")


def test_what_is_a_digit_beyond_doubt_is_read_once(predictor):
    prepared = prepare(as_png(drawn(sheet())))
    asked = []
    predictor.guess([prepared._replace(others=lambda: asked.append(1) or ())])
    assert prepared.reading == FIRST
    assert not asked


def test_another_reading_wins_where_it_is_more_like_a_digit(predictor):
    four = prepare(as_png(drawn(sheet())))._replace(reading="firm only")
    scribble = np.random.default_rng(0).integers(0, 255, (28, 28)).astype(np.uint8)
    doubtful = four._replace(pixels=scribble, reading=FIRST, others=lambda: [four])
    (guess,) = predictor.guess([doubtful])
    assert guess.digit == 4
    np.testing.assert_array_equal(guess.pixels, four.pixels)


def test_the_first_reading_stays_where_another_is_hardly_better(predictor):
    four = prepare(as_png(drawn(sheet())))
    fainter = four._replace(pixels=cv2.GaussianBlur(four.pixels, (0, 0), 2.2))
    (guess,) = predictor.guess([fainter._replace(others=lambda: [fainter])])
    np.testing.assert_array_equal(guess.pixels, fainter.pixels)


def test_the_steps_that_are_shown_are_those_of_the_chosen_reading(predictor):
    picture = sheet()
    picture[:, :40] = (60, 40, 30)  # a table
    picture[:22] = (60, 40, 30)
    upload = as_png(drawn(picture))
    steps = []
    prepared = predictor.prepare(upload, lambda step, pixels: steps.append((step, pixels)))
    np.testing.assert_array_equal(steps[-1][1], predictor.read(upload).pixels)
    assert steps[0][0] == "decoded"
    np.testing.assert_array_equal(prepared.pixels, steps[-1][1])


@pytest.mark.parametrize("reading", OTHERS)
def test_no_reading_finds_a_digit_on_bare_paper(reading):
    grain = np.random.default_rng(0).normal(200, 4, (200, 200)).astype(np.uint8)
    with pytest.raises(InvalidImage) as refusal:
        prepare(as_png(grain), reading=reading)
    assert refusal.value.code == "blank"
