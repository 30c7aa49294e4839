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


def test_the_thresholds_leave_their_share_of_right_answers_certain():
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 10, 5000)
    logits = rng.normal(size=(5000, 11)).astype(np.float32)
    logits[np.arange(5000), digits] += 5
    certain_above, digit_above = calibrate.certain_thresholds(logits, digits, 1.0)
    right = logits[logits[:, :10].argmax(axis=1) == digits]
    certain = calibrate.digit_probabilities(right, 1.0).max(axis=1) >= certain_above
    certain &= calibrate.digitness(right) >= digit_above
    assert certain.mean() == pytest.approx(calibrate.CERTAIN_COVERAGE, abs=0.005)


def test_low_logits_are_no_evidence_of_a_digit():
    logits = np.full((2, 11), -5.0, np.float32)
    logits[0, 3], logits[1, 3] = 6, -1
    assert list(calibrate.digitness(logits) > 0) == [True, False]
