import numpy as np
import pytest

from ml import calibrate


def overconfident(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that claim 99.9 % and are right in three of four cases."""
    digits = np.arange(count) % 10
    logits = np.zeros((count, 10), np.float32)
    named = np.where(np.arange(count) % 4, digits, (digits + 1) % 10)
    logits[np.arange(count), named] = 9
    return logits, digits


def test_softmax_of_equal_logits_is_even():
    assert np.allclose(calibrate.softmax(np.full((1, 10), 1000.0)), 0.1)


def test_the_temperature_turns_a_claim_into_the_truth():
    logits, digits = overconfident()
    temperature = calibrate.fit_temperature(logits, digits)
    confidence = calibrate.softmax(logits, temperature).max(axis=1).mean()
    assert confidence == pytest.approx(0.75, abs=0.02)


def test_the_calibration_error_is_the_gap_between_claim_and_truth():
    logits, digits = overconfident()
    probabilities = calibrate.softmax(logits)
    expected = probabilities.max(axis=1).mean() - 0.75
    assert calibrate.calibration_error(probabilities, digits) == pytest.approx(expected, abs=1e-6)


def test_the_threshold_leaves_its_share_of_right_answers_certain():
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 10, 5000)
    logits = rng.normal(size=(5000, 10)).astype(np.float32)
    logits[np.arange(5000), digits] += 5
    threshold = calibrate.certain_threshold(logits, digits, 1.0)
    probabilities = calibrate.softmax(logits)
    right = probabilities[probabilities.argmax(axis=1) == digits].max(axis=1)
    assert (right >= threshold).mean() == pytest.approx(calibrate.CERTAIN_COVERAGE, abs=0.005)
