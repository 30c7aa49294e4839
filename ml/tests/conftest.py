from pathlib import Path

import cv2
import numpy as np
import pytest

from ml import checkpoint, dataset, predict

WEIGHTS = Path(__file__).parents[1] / "weights"


@pytest.fixture(scope="session")
def shipped():
    """The checkpoint that comes with the project."""
    (facts,) = WEIGHTS.glob("*.json")
    return checkpoint.read(WEIGHTS, facts.stem)


@pytest.fixture(scope="session")
def predictor(shipped):
    """The shipped network, ready to be asked."""
    return predict.Predictor(shipped)


@pytest.fixture(scope="session")
def typed():
    """400 training and 40 test images, 28x28, bright ink: typed digits, moved about."""
    rng = np.random.default_rng(0)
    digits = np.arange(440) % 10
    pixels = np.zeros((440, 28, 28), np.uint8)
    for image, digit in zip(pixels, digits, strict=True):
        x, y = rng.integers(4, 8), rng.integers(20, 25)
        cv2.putText(image, str(digit), (int(x), int(y)), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 255, 2)
    return dataset.Arrays(pixels[:400], digits[:400]), dataset.Arrays(pixels[400:], digits[400:])
