from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from conftest import DIGITS
from ml.header import InvalidImage
from ml.picture import as_png
from ml.predict import Predictor
from ml.preprocess import prepare


def test_a_guess_holds_the_answer_and_what_it_rests_on(predictor, sample):
    guess = predictor.read(sample("7_paint.png"))
    assert guess.digit == guess.probabilities.argmax() == 7
    assert guess.confidence == pytest.approx(float(guess.probabilities[7]))
    assert guess.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (guess.pixels.shape, guess.pixels.dtype) == ((28, 28), np.uint8)
    assert guess.version == predictor.version


def test_many_at_once_are_answered_as_one_by_one(predictor, typed):
    uploads = [path.read_bytes() for path in DIGITS.iterdir()]
    uploads += [as_png(pixels) for pixels in typed[0].pixels[:100]]
    uploads += [as_png(prepare(upload).pixels) for upload in uploads]  # in MNIST's frame already
    for one, each in zip(uploads, predictor.read_many(uploads), strict=True):
        alone = predictor.read(one)
        assert np.array_equal(each.pixels, alone.pixels)
        assert (each.digit, each.reason, each.format) == (alone.digit, alone.reason, alone.format)
        assert np.allclose(each.probabilities, alone.probabilities, atol=1e-5)


def test_a_refusal_stands_where_its_guess_would(predictor, sample):
    found = predictor.read_many([b"", sample("7_paint.png"), b"text"])
    assert [getattr(each, "digit", None) for each in found] == [None, 7, None]
    assert isinstance(found[0], InvalidImage)


def test_more_images_than_fit_in_one_call_come_back_in_order(predictor, typed):
    pixels = typed[0].pixels[:150]
    singly = np.concatenate([predictor.logits(each[None]) for each in pixels])
    assert np.allclose(predictor.logits(pixels), singly, atol=1e-4)


def test_threads_do_not_disturb_each_other(predictor, typed):
    pixels = typed[0].pixels[:40]
    expected = predictor.logits(pixels)
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda _: predictor.logits(pixels), range(40)))
    assert all(np.array_equal(each, expected) for each in rounds)


@pytest.mark.parametrize(
    ("logits", "reason"),
    [
        ([12.0] + [0.0] * 10, ""),
        ([9.0, 9.0] + [0.0] * 9, "low_confidence"),
        ([0.1] + [0.0] * 10, "not_a_digit"),
        ([0.0] * 10 + [12.0], "not_a_digit"),
        ([9.0] + [0.0] * 9 + [12.0], "not_a_digit"),
    ],
)
def test_an_uncertain_answer_says_why(predictor, logits, reason):
    assert predictor.reasons(np.array([logits], np.float32)) == [reason]


def test_a_second_digit_in_the_picture_makes_the_answer_uncertain(predictor, sample):
    seven = cv2.imdecode(np.frombuffer(sample("7_paint.png"), np.uint8), cv2.IMREAD_COLOR)
    guess = predictor.read(as_png(np.hstack([seven, seven])))
    assert (guess.status, guess.reason) == ("uncertain", "several_digits")


def test_an_unknown_engine_is_refused(shipped):
    with pytest.raises(ValueError, match="litert, keras"):
        Predictor(shipped, "torch")
