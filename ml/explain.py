"""What an answer rests on."""

import cv2
import numpy as np

from .predict import Predictor
from .preprocess import SIDE

GRID = 7  # patches across and down; all of them are one batch
PATCH = 8  # pixels; neighbours overlap by half


def occlusion(predictor: Predictor, pixels: np.ndarray, digit: int) -> np.ndarray:
    """How much an answer depends on each part of what the network saw.

    Takes (28, 28) uint8; returns (28, 28) float32: by how much the lead of `digit` over the
    other nine falls, in logits, when the ink around a pixel is covered (Zeiler and Fergus
    2014). Positive where the answer rests, negative where something speaks against it.
    """
    covered = np.repeat(pixels[np.newaxis], GRID * GRID + 1, axis=0)
    corners = np.linspace(0, SIDE - PATCH, GRID).round().astype(int)
    for index, (top, left) in enumerate((y, x) for y in corners for x in corners):
        covered[index, top : top + PATCH, left : left + PATCH] = 0
    leads = _lead(predictor.first_look(covered)[:, :10], digit)
    fall = (leads[-1] - leads[:-1]).reshape(GRID, GRID).astype(np.float32)
    return cv2.resize(fall, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _lead(logits: np.ndarray, digit: int) -> np.ndarray:
    others = np.delete(logits, digit, axis=1)
    return logits[:, digit] - others.max(axis=1)


def overlay(pixels: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Show an occlusion map on what the network saw; (28, 28, 3) uint8, blue-green-red.

    Orange where the answer rests, blue where something speaks against it.
    """
    strength = fall / max(float(np.abs(fall).max()), 1e-6)
    grey = pixels.astype(np.float32)[..., np.newaxis] * 0.75
    warm = np.maximum(strength, 0)[..., np.newaxis] * np.float32([0, 110, 255])
    cold = np.maximum(-strength, 0)[..., np.newaxis] * np.float32([255, 140, 0])
    return np.clip(grey + 0.75 * (warm + cold), 0, 255).astype(np.uint8)
