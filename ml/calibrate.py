"""Make a network's confidence mean what it says."""

import numpy as np

CERTAIN_COVERAGE = 0.98  # of the digits that are read correctly, how many to call certain


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(n, 10) logits to probabilities that sum to 1, float32."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def negative_log_likelihood(logits: np.ndarray, digits: np.ndarray, temperature: float) -> float:
    """The mean surprise at the right answers, in nats."""
    right = softmax(logits, temperature)[np.arange(len(digits)), digits]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def fit_temperature(logits: np.ndarray, digits: np.ndarray) -> float:
    """The temperature of least surprise on held-out logits (Guo et al. 2017)."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4), 161))
    return float(min(candidates, key=lambda value: negative_log_likelihood(logits, digits, value)))


def certain_threshold(logits: np.ndarray, digits: np.ndarray, temperature: float) -> float:
    """The confidence that CERTAIN_COVERAGE of the correctly read digits reach."""
    probabilities = softmax(logits, temperature)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == digits
    if not correct.any():
        return 1.0
    return float(np.quantile(confidence[correct], 1 - CERTAIN_COVERAGE))


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
