"""The lines that paper comes with: ruled, squared, music, margins."""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from .paper import otsu

MIN_RULED = 64  # pixels; in a smaller picture a line cannot be told from a stroke
FAINT = 8  # of 255: what is no fainter may be a ruled line
STEEPEST = 0.13  # pixels down for each across: 7 degrees, tilt and perspective together
SLOPES = np.linspace(-STEEPEST, STEEPEST, 35)  # so that a line's end is met to half a pixel
THIN = 0.4  # of a pixel's ink that must be gone a line's thickness above and below it
MIN_IN_VIEW = 0.3  # of the width: what is shorter is no line that leaves the picture
WHOLE = 0.6  # of a line's length that must be marked for it to count as one


class Line(NamedTuple):
    """A nearly horizontal line across the picture."""

    start: float  # its row at the left side, in pixels
    slope: float  # pixels down for each across
    level: float  # how strong its ink is


def may_be_ruled(ink: np.ndarray) -> bool:
    """Whether there is ink at two opposite sides; sees at once that most pictures have no lines."""
    return min(ink.shape) >= MIN_RULED and (_reaches_both_sides(ink) or _reaches_both_sides(ink.T))


def drop_lines(ink: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Erase the lines of paper: thin, straight, from side to side, no stronger than the pen.

    `ink` and `strength`, both (h, w) uint8, are what `ink_over` measures, at most 255 and in
    true proportion. Returns (h, w) uint8.
    """
    firm = otsu(strength)
    flat = line_mask(strength, firm)
    rest = np.where(flat, 0, strength).astype(np.uint8)  # so that no crossing is left of squares
    lines = flat | line_mask(rest.T, firm).T
    if not lines.any():
        return ink
    rest = np.where(lines, 0, ink).astype(np.uint8)
    return rest if (rest > firm).any() else ink  # a single stroke across the picture is a digit


def line_mask(ink: np.ndarray, firm: int) -> np.ndarray:
    """Where nearly horizontal lines lie, but for where a stroke crosses them; (h, w) bool."""
    ink = np.ascontiguousarray(ink)
    mask = np.zeros(ink.shape, bool)
    if not _reaches_both_sides(ink):
        return mask
    thickest = max(2, round(0.03 * len(ink)))
    thin = cv2.morphologyEx(ink, cv2.MORPH_TOPHAT, np.ones((thickest + 2, 1), np.uint8))
    lines = find_lines(ink, thin, firm)
    if not lines:
        return mask
    columns = np.arange(ink.shape[1])
    rows = np.arange(len(ink))[:, np.newaxis]
    band = np.zeros(ink.shape, np.uint8)
    usual = float(np.median([line.level for line in lines]))
    no_stroke = thin > THIN * ink.astype(np.float32)
    for line in lines:
        level = min(line.level, 1.5 * usual)  # a stroke along it may make it seem stronger
        near = np.abs(rows - line.start - line.slope * columns) <= thickest / 2 + 1
        band[near & no_stroke & (ink <= 1.4 * level + 10)] = 1
    strokes = cv2.subtract((ink > firm).astype(np.uint8), band)
    crossing = cv2.dilate(strokes, np.ones((7, 3), np.uint8)) > 0
    above = cv2.dilate(strokes, np.ones((9, 3), np.uint8), anchor=(1, 8)) > 0
    below = cv2.dilate(strokes, np.ones((9, 3), np.uint8), anchor=(1, 0)) > 0
    return (band > 0) & ~(crossing & above & below)


def find_lines(ink: np.ndarray, thin: np.ndarray, firm: int) -> list[Line]:
    """The lines in (h, w) uint8 of which most of the length is marked (a Hough transform).

    They are marked at both ends, too; elsewhere a stroke that is thicker may hide them. Where
    one goes from side to side, others may leave the picture at its top or bottom.
    """
    width = thin.shape[1]
    marked = thin > max(FAINT / 2, 0.08 * int(thin.max()))
    ends = np.zeros((2, width), bool)
    ends[0, : width // 16] = ends[1, -(width // 16) :] = True
    in_view = [_in_view(thin.shape, end.tobytes()) for end in (np.ones(width, bool), *ends)]
    hidden = _along_slopes((ink - thin) > firm)
    seen = in_view[0] - np.minimum(hidden, 0.6 * in_view[0])
    share = _along_slopes(marked) / np.maximum(1, seen)
    share[in_view[0] < MIN_IN_VIEW * in_view[0].max()] = 0
    for end, length in zip(ends, in_view[1:], strict=True):
        share[_along_slopes(marked & end) < 0.5 * length] = 0
    slopes, rows = np.nonzero(share > WHOLE)
    if not (in_view[0][slopes, rows] >= 0.97 * in_view[0].max()).any():
        return []
    reach = (share.shape[1] - len(ink)) // 2
    found = [
        (float(share[i, row]), row - reach - SLOPES[i] * (width - 1) / 2, SLOPES[i])
        for i, row in zip(slopes, rows, strict=True)
    ]
    return _distinct(sorted(found, reverse=True), ink)


@functools.lru_cache(64)
def _in_view(shape: tuple[int, int], columns: bytes) -> np.ndarray:
    """What `_along_slopes` gives where everything is marked, in some columns (w,) bool."""
    return _along_slopes(np.broadcast_to(np.frombuffer(columns, bool), shape))


def _along_slopes(mask: np.ndarray) -> np.ndarray:
    """How much of (h, w) is marked along lines of each slope, by their row in the middle."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask[:, ::2])
    reach = int(np.ceil(STEEPEST * width / 2)) + 1
    size = height + 2 * reach
    shift = SLOPES[:, np.newaxis] * (2 * columns - (width - 1) / 2)
    index = np.rint(rows - shift).astype(np.int32) + reach
    index += np.arange(len(SLOPES), dtype=np.int32)[:, np.newaxis] * size
    return np.bincount(index.ravel(), minlength=len(SLOPES) * size).reshape(len(SLOPES), size)


def _distinct(found: list, ink: np.ndarray) -> list[Line]:
    """The best of those that are nearly the same line, with the strength of their ink."""
    height, width = ink.shape
    ends = np.empty((0, 2))
    columns = np.arange(width)
    peaks = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    lines = []
    for _, start, slope in found:
        both = np.array([start, start + slope * (width - 1)])
        if (len(ends) and np.abs(ends - both).max(axis=1).min() < 3) or len(lines) > height // 3:
            continue
        ends = np.vstack([ends, both])
        rows = np.round(start + slope * columns).astype(int)
        inside = (rows >= 0) & (rows < height)
        if inside.mean() > 0.9 * MIN_IN_VIEW:
            level = float(np.quantile(peaks[rows[inside], columns[inside]], 0.4))
            lines.append(Line(start, slope, level))
    return lines


def _reaches_both_sides(ink: np.ndarray) -> bool:
    """Whether neither the left nor the right margin is bare."""
    margin = round(0.04 * ink.shape[1])
    return bool(ink[:, :margin].max() > FAINT and ink[:, -margin:].max() > FAINT)
