"""The lines that paper comes with: ruled and squared."""

import cv2
import numpy as np

from .paper import otsu

MIN_RULED = 64  # pixels; in a smaller picture a line cannot be told from a stroke
FAINT = 8  # of 255: what is no fainter may be a ruled line


def drop_lines(ink: np.ndarray) -> np.ndarray:
    """Erase ruled and squared paper's lines: thin, straight, from side to side.

    Takes and returns (h, w) uint8, paper 0, as `ink_over` measures it.
    """
    if min(ink.shape) < MIN_RULED:
        return ink
    if not (_reaches_both_sides(ink) or _reaches_both_sides(ink.T)):  # no need to look closer
        return ink
    firm = otsu(ink)
    lines = _long_lines(ink, firm) | _long_lines(ink.T, firm).T
    if not lines.any():
        return ink
    rest = np.where(lines, 0, ink).astype(np.uint8)
    return rest if (rest > firm).any() else ink  # a single stroke across the picture is a digit


def _long_lines(ink: np.ndarray, firm: int) -> np.ndarray:
    """Find nearly horizontal lines across the picture, but for where a stroke crosses them.

    Lines are fainter than strokes and get lost in the light, so they are looked for below
    `firm`, in what is thinner than a stroke from above to below.
    """
    if not _reaches_both_sides(ink):
        return np.zeros(ink.shape, bool)
    height, width = ink.shape
    thickest = max(2, round(0.03 * height))
    ink = np.ascontiguousarray(ink)
    thin = cv2.morphologyEx(ink, cv2.MORPH_TOPHAT, np.ones((thickest + 2, 1), np.uint8))
    marked = (thin > max(FAINT, 0.25 * firm)).astype(np.uint8)
    runs = cv2.morphologyEx(marked, cv2.MORPH_OPEN, np.ones((1, width // 10), np.uint8))
    found = _across(runs, thickest)
    if not found.any():
        return found
    usual = (
        1.5 * float(np.quantile(ink[found], 0.7)) + 10
    )  # what is firmer is a stroke along the line
    band = cv2.dilate(found.astype(np.uint8), np.ones((5, 1), np.uint8))
    band[ink > usual] = 0
    strokes = cv2.subtract((ink > firm).astype(np.uint8), band)
    crossing = cv2.dilate(strokes, np.ones((7, 3), np.uint8)) > 0
    above = cv2.dilate(strokes, np.ones((9, 3), np.uint8), anchor=(1, 8)) > 0
    below = cv2.dilate(strokes, np.ones((9, 3), np.uint8), anchor=(1, 0)) > 0
    return (band > 0) & ~(crossing & above & below)


def _reaches_both_sides(ink: np.ndarray) -> bool:
    """Whether neither the left nor the right margin is bare."""
    margin = round(0.04 * ink.shape[1])
    return bool(ink[:, :margin].max() > FAINT and ink[:, -margin:].max() > FAINT)


def _across(runs: np.ndarray, thickest: int) -> np.ndarray:
    """Which of the runs (h, w) make up lines from one side of the picture to the other.

    Where there is one such line, one that fades on its way counts, too.
    """
    height, width = runs.shape
    margin = round(0.04 * width)
    if not (runs[:, :margin].any() and runs[:, -margin:].any()):
        return np.zeros(runs.shape, bool)
    gap = width // 5  # closed without a margin, what ends near the side would reach it
    joined = cv2.copyMakeBorder(runs, 0, 0, gap, gap, cv2.BORDER_CONSTANT)
    joined = cv2.dilate(joined, np.ones((3, 1), np.uint8))
    joined = cv2.morphologyEx(joined, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    joined = np.ascontiguousarray(joined[:, gap:-gap])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, ltype=cv2.CV_16U)
    left, _, across, down, _ = stats.T
    thickness = np.bincount(labels[runs > 0], minlength=len(stats)) / across
    thin = (thickness <= thickest) & (down <= 0.15 * height)
    starts, ends = left <= margin, left + across >= width - margin
    whole = thin & starts & ends
    faded = thin & (starts | ends) & (across > 0.4 * width)
    chosen = (faded if whole.any() else whole) & (np.arange(len(stats)) > 0)
    if not whole[1:].any():
        return np.zeros(runs.shape, bool)
    return chosen[labels] & (runs > 0)
