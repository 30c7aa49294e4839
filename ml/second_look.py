"""A second look at a doubtful picture: what a network says of it on average, moved a little.

Where two digits are nearly as likely, the answer hangs on where the pixels happen to fall. The
mean over near framings of the same picture hangs on it less (Krizhevsky et al. 2012). It takes
fourteen more runs of the network, so only doubtful pictures get it: of MNIST's, one in 120.
docs/model-card.md tells what it brings.
"""

from collections.abc import Callable

import cv2
import numpy as np

BELOW = 2.0  # logits between the two best digits; the second is a seventh as likely then
CENTER = np.array([13.5, 13.5])
SHIFTS = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]  # pixels
TURN = np.radians(6)
STRETCH = 0.07
SLANT = 0.1
TOGETHER = 32  # pictures looked at again by one call, so that many take no more memory than few


def _framings() -> list[np.ndarray]:
    """The (2, 3) matrices of all framings but the one that was looked at first."""
    cos, sin = np.cos(TURN), np.sin(TURN)
    maps = [
        *([[cos, -turn], [turn, cos]] for turn in (-sin, sin)),
        *([[size, 0], [0, size]] for size in (1 - STRETCH, 1 + STRETCH)),
        *([[1, slant], [0, 1]] for slant in (-SLANT, SLANT)),
    ]
    moved = [np.column_stack([np.eye(2), shift]) for shift in SHIFTS]
    return moved + [np.column_stack([each, CENTER - np.array(each) @ CENTER]) for each in maps]


FRAMINGS = _framings()


def look(
    run: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, below: float = BELOW
) -> np.ndarray:
    """The logits of (n, 28, 28) uint8 pictures, (n, 11) float32; doubtful ones averaged.

    `run` asks the network about any number of such pictures. A picture is doubtful when the
    logits of its two best digits are less than `below` apart.
    """
    logits = run(pixels)
    best = np.sort(logits[:, :10], axis=1)
    doubtful = np.flatnonzero(best[:, -1] - best[:, -2] < below)
    if not len(doubtful):
        return logits
    logits = logits.copy()  # what came from the network may be memory that it reuses
    for start in range(0, len(doubtful), TOGETHER):
        some = doubtful[start : start + TOGETHER]
        again = run(np.concatenate([framed(pixels[each]) for each in some]))
        logits[some] += again.reshape(len(some), len(FRAMINGS), -1).sum(axis=1)
        logits[some] /= 1 + len(FRAMINGS)
    return logits


def framed(pixels: np.ndarray) -> np.ndarray:
    """(28, 28) pixels in each of FRAMINGS; (14, 28, 28) uint8."""
    return np.array([cv2.warpAffine(pixels, each, pixels.shape) for each in FRAMINGS])
