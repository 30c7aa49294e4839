"""Bare paper, and the ink on it: what is told apart by colour and light."""

import cv2
import numpy as np

from .header import InvalidImage

MIN_CONTRAST = 14  # of 255: fainter ink cannot be told from noise
MIN_LIT = 64  # pixels; in a smaller picture a shadow cannot be told from a stroke
PAPER_GRID = 32  # pixels on the longer side of the copy on which the paper is estimated


def estimate_paper(picture: np.ndarray) -> np.ndarray:
    """Estimate the bare paper under the ink: its colour and how the light falls on it.

    Fits a quadratic surface to each channel of a small copy, leaving out, round by round,
    what differs from it. The fit starts from the border, where there is rarely ink, so dark
    and light paper need no telling apart. Returns the shape and type of `picture`.
    """
    height, width = picture.shape[:2]
    scale = min(1, PAPER_GRID / max(height, width))
    grid = (max(4, round(width * scale)), max(4, round(height * scale)))
    small = cv2.resize(picture, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    colours = small.reshape(-1, 3)
    surface = _quadratic(*grid)
    border = _border(*grid)
    likely = _likely_paper(colours, border)
    border &= likely
    mostly_border = np.concatenate([colours[likely], colours[border], colours[border]])
    fit = np.broadcast_to(np.median(mostly_border, axis=0), colours.shape)
    for degree in (1, 1, 1, 3, 3, 6, 6, 6):  # constant, then plane, then quadratic
        residual = np.abs(colours - fit).max(axis=1)
        spread = max(4.0, 2.0 * float(np.median(residual[border])))
        weight = np.where(border, 3.0, 1.0) / (1 + (residual / spread) ** 4)
        basis = surface[:, :degree]
        weighted = basis * weight[:, np.newaxis]
        normal = weighted.T @ basis + 1e-3 * np.eye(degree, dtype=np.float32)
        fit = basis @ np.linalg.solve(normal, weighted.T @ colours)
    fit = np.clip(fit, 0, 255).astype(np.uint8).reshape(small.shape)
    if min(height, width) >= MIN_LIT and _leaves_shadow(small, fit):
        fit = _local_paper(picture)
    return cv2.resize(fit, (width, height), interpolation=cv2.INTER_LINEAR)


def _leaves_shadow(small: np.ndarray, fit: np.ndarray) -> bool:
    """Whether something wider than a stroke is left at the border once the paper is taken off."""
    residual = np.abs(small - fit).max(axis=2)
    side = int(0.36 * max(residual.shape))
    wide = cv2.morphologyEx(residual, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    rim = np.concatenate([wide[0], wide[-1], wide[:, 0], wide[:, -1]])
    return bool((rim > 20).mean() > 0.1)


def _local_paper(picture: np.ndarray) -> np.ndarray:
    """The median colour around each point, which follows the edge of a cast shadow."""
    scale = 2 * PAPER_GRID / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.medianBlur(small, PAPER_GRID - 1)


def _likely_paper(colours: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Which of (n, 3) colours are paper, where ink and paper share the border; (n,) bool.

    A digit that fills its picture reaches the border all around. If there are two plain colours
    on the border, the one of which there is more, there and in all, is paper.
    """
    rim = colours[border]
    common = rim[np.argsort(rim.sum(axis=1))[len(rim) // 2]]
    distance = np.abs(colours - common).max(axis=1)
    far = distance > otsu(distance.astype(np.uint8))
    if not far.any() or far.all():
        return np.ones_like(far)
    separation = np.median(distance[far])
    between = (distance > 0.3 * separation) & (distance < 0.7 * separation)
    if between.mean() > 0.15:  # not two plain colours, but light and shadow
        return np.ones_like(far)
    return far if far[border].mean() + 2 * far.mean() > 1.5 else ~far


def _quadratic(width: int, height: int) -> np.ndarray:
    """The monomials 1, x, y, x^2, xy, y^2 on a grid; (h * w, 6) float32."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)


def _border(width: int, height: int) -> np.ndarray:
    """Which points of a grid lie on its rim; (h * w,) bool."""
    inside = np.zeros((height, width), bool)
    margin = max(1, min(width, height) // 12)
    inside[margin:-margin, margin:-margin] = True
    return ~inside.ravel()


def ink_over(paper: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Measure how far each pixel is from the paper, in the direction of the ink's colour.

    Returns (h, w) uint8. Red on yellow, white on slate: what counts is the distance in
    colour, not which of the two is darker. Raises InvalidImage `blank`.
    """
    difference = cv2.subtract(picture, paper, dtype=cv2.CV_32F)
    distance = np.abs(difference).max(axis=2).astype(np.uint8)
    threshold = otsu(distance)
    marked = distance > threshold
    noise = float(np.median(distance[~marked]))
    contrast = float(np.median(distance[marked])) if marked.any() else 0.0
    if contrast < max(MIN_CONTRAST, 4 * noise):
        raise InvalidImage("blank", f"Expected ink, found contrast {contrast:.0f} of 255.")
    direction = difference[marked].mean(axis=0)
    direction /= np.linalg.norm(direction) + 1e-6
    ink = difference @ (direction / np.abs(direction).max())
    return np.clip(ink, 0, 255).astype(np.uint8)


def otsu(grey: np.ndarray) -> int:
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return int(threshold)


def strengthen(ink: np.ndarray) -> np.ndarray:
    """Stretch ink so that paper and its noise become 0 and a firm stroke 255."""
    threshold = otsu(ink)
    firm = float(np.median(ink[ink > threshold]))
    low = 0.6 * threshold
    high = max(low + 1, 0.5 * (threshold + firm))
    return np.clip((ink - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
