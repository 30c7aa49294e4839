"""Make a network's confidence mean what it says."""

import numpy as np

DIGITS = 10  # the first outputs of a network
NOT_A_DIGIT = 10  # the one after them
CERTAIN_COVERAGE = 0.98  # of the digits that are read correctly, how many to call certain


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(n, m) logits to probabilities that sum to 1, float32."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def digit_probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """(n, 11) logits to the probabilities of the ten digits, given that it is one."""
    return softmax(logits[:, :DIGITS], temperature)


def digitness(logits: np.ndarray) -> np.ndarray:
    """How far the best digit's logit is above that of "not a digit", and above 0; (n,) float32.

    The 0 asks for evidence: where all the logits are low, there is nothing the network knows.
    """
    return logits[:, :DIGITS].max(axis=1) - np.logaddexp(0, logits[:, DIGITS])


def negative_log_likelihood(logits: np.ndarray, digits: np.ndarray, temperature: float) -> float:
    """The mean surprise at the right answers, in nats."""
    right = digit_probabilities(logits, temperature)[np.arange(len(digits)), digits]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def fit_temperature(logits: np.ndarray, digits: np.ndarray) -> float:
    """The temperature of least surprise on held-out logits (Guo et al. 2017)."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4), 161))
    return float(min(candidates, key=lambda value: negative_log_likelihood(logits, digits, value)))


def certain_thresholds(
    logits: np.ndarray, digits: np.ndarray, temperature: float
) -> tuple[float, float]:
    """The confidence and the digitness that CERTAIN_COVERAGE of the correctly read digits reach.

    Both leave out the same part of the digits; there are some that both leave out.
    """
    correct = logits[:, :DIGITS].argmax(axis=1) == digits
    if not correct.any():
        return 1.0, 0.0
    confidence = digit_probabilities(logits[correct], temperature).max(axis=1)
    evidence = digitness(logits[correct])
    for part in np.linspace(1 - CERTAIN_COVERAGE, 0, 41):
        thresholds = float(np.quantile(confidence, part)), float(np.quantile(evidence, part))
        certain = (confidence >= thresholds[0]) & (evidence >= thresholds[1])
        if certain.mean() >= CERTAIN_COVERAGE:
            break
    return thresholds


def calibration_error(probabilities: np.ndarray, digits: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: the gap of confidence and accuracy, averaged over bins."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == digits
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[index == each].mean() - confidence[index == each].mean())
        * (index == each).mean()
        for each in np.unique(index)
    ]
    return float(sum(gaps))
