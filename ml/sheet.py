"""A sheet of paper that lies inside its picture: a note on a desk, a label on a box."""

import cv2
import numpy as np

from .paper import MIN_LIT, PAPER_GRID, otsu

ALIKE = 8  # of 255: no more than that apart, colours are one
RIDGE = 3  # pixels, of the outline of a panel
RIM = 0.05  # of a sheet's sides: it curls there, and casts a shadow


def find_sheet(ink: np.ndarray) -> np.ndarray | None:
    """Find a sheet in what differs from the desk, (h, w) uint8, as `ink_over` measures it.

    Returns its corners, (4, 2) float32 in parts of the picture's sides, from the upper left
    one clockwise. None unless there is one quadrangle, filled but for what is written on it.
    """
    if min(ink.shape) < MIN_LIT or not _has_patch(ink):
        return None
    marked = cv2.compare(ink, otsu(ink), cv2.CMP_GT)
    outlines, tree = cv2.findContours(marked, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(range(len(outlines)), key=lambda each: cv2.contourArea(outlines[each]))
    hull = cv2.convexHull(outlines[largest])
    corners = cv2.approxPolyDP(hull, 0.05 * cv2.arcLength(hull, closed=True), closed=True)
    area = cv2.contourArea(outlines[largest])
    if len(corners) != 4 or area < 0.1 * ink.size or tree[0][largest][3] >= 0:
        return None
    whole = cv2.contourArea(hull)
    straight = 0.93 * whole < cv2.contourArea(corners) < 1.07 * whole  # and not round
    if area < 0.95 * whole or not straight or _is_ring(marked, outlines, tree[0], largest):
        return None
    corners = _clockwise(corners[:, 0].astype(np.float32))
    across, down = _sides(corners)
    if not 0.45 < across / down < 2.2:  # rather a stroke
        return None
    return corners / np.float32(ink.shape[::-1])


def _has_patch(ink: np.ndarray) -> bool:
    """Whether anything is wider than a stroke; sees at once that most pictures have no sheet."""
    small = cv2.resize(ink, (PAPER_GRID, PAPER_GRID), interpolation=cv2.INTER_AREA)
    marked = cv2.compare(small, otsu(small), cv2.CMP_GT)
    patch = cv2.erode(marked, np.ones((5, 5), np.uint8), borderValue=0)
    return cv2.countNonZero(patch) > 0


def _is_ring(marked: np.ndarray, outlines, tree: np.ndarray, outer: int) -> bool:
    """Whether the paper shows through one large hole: an angular 0, or a frame."""
    *_, width, height = cv2.boundingRect(outlines[outer])
    hole = tree[outer][2]
    while hole >= 0:
        left, top, across, down = cv2.boundingRect(outlines[hole])
        bare = np.mean(marked[top : top + down, left : left + across] == 0)
        if across > 0.3 * width and down > 0.3 * height and bare > 0.75:
            return True
        hole = tree[hole][0]
    return False


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """Put the corners of a convex quadrangle in order, from the upper left one clockwise."""
    x, y = (corners - corners.mean(axis=0)).T
    corners = corners[np.argsort(np.arctan2(y, x))]
    return np.roll(corners, -int(np.argmin(corners.sum(axis=1))), axis=0)


def _sides(corners: np.ndarray) -> tuple[float, float]:
    """The mean width and height of a quadrangle whose corners are in order, in pixels."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return (top + bottom) / 2, (left + right) / 2


def cut_out(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """What is on a sheet, straightened; its rim is left out. Takes corners as `find_sheet`."""
    corners = corners * np.float32(picture.shape[1::-1])
    inner = corners + 2 * RIM * (corners.mean(axis=0) - corners)
    width, height = (max(1, round(float(side))) for side in _sides(inner))
    upright = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    straighten = cv2.getPerspectiveTransform(inner.astype(np.float32), upright)
    return cv2.warpPerspective(picture, straighten, (width, height))


def trim_bars(picture: np.ndarray) -> np.ndarray:
    """Cut off bars of one colour above and below or beside a photo, as screenshots have them."""
    if min(picture.shape[:2]) < MIN_LIT:
        return picture
    for _ in range(2):
        top, bottom = _bar(picture), _bar(picture[::-1])
        if top + bottom < 0.7 * len(picture):
            picture = picture[top : len(picture) - bottom]
        picture = picture.swapaxes(0, 1)
    return np.ascontiguousarray(picture)


def _bar(picture: np.ndarray) -> int:
    """How many rows at the top are one colour that ends all along a line; 0 for bare paper."""
    step, width = max(1, len(picture) // 64), picture.shape[1]
    column = picture[::step, width // 6]
    if int(column.max()) - int(column.min()) <= ALIKE:  # as in most drawings
        return 0
    ends = _first_change(picture[::step, [width // 6, width // 2, width - 1 - width // 6]])
    if not 0 < ends.max() <= ends.min() + 1:  # as in nearly every picture: no need to look closer
        return 0
    last = min(step * int(ends.max()) + 2, len(picture) - 1)  # past the blur of the edge
    ends = _first_change(picture[: last + 1])
    straight = (ends > 0) & (np.abs(ends - np.median(ends)) <= 2)
    beyond = picture[last + 1 : last + max(8, len(picture) // 6)]
    unlike = np.abs(beyond.astype(np.int16) - picture[0, 0]) > ALIKE
    if straight.mean() <= 0.9 or unlike.mean() < 0.5:  # or it is a line, and more paper below it
        return 0
    return last


def _first_change(columns: np.ndarray) -> np.ndarray:
    """The first row in which each column is unlike the corner; (w,), 0 where there is none."""
    unlike = np.abs(columns.astype(np.int16) - columns[0, 0]) > ALIKE
    if unlike.ndim == 3:
        unlike = unlike.any(axis=2)
    return unlike.argmax(axis=0)


def find_panel(picture: np.ndarray) -> np.ndarray | None:
    """Find the largest upright rectangle that is drawn in a picture, or stands out from it.

    Returns its left, top, right and bottom within the outline, (4,), in parts of the sides.
    """
    height, width = picture.shape[:2]
    if min(height, width) < MIN_LIT:
        return None
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    edges = cv2.dilate(cv2.Canny(grey, 40, 100), np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    best = None
    for outline in outlines:
        left, top, across, down = cv2.boundingRect(outline)
        box = across * down
        if not 0.08 * height * width < box or (across > 0.97 * width and down > 0.97 * height):
            continue
        if cv2.contourArea(outline) < 0.9 * box or (best and box <= best[0]):
            continue
        best = box, left, top, across, down
    if best is None:
        return None
    _, left, top, across, down = best
    box = np.array([left + RIDGE, top + RIDGE, left + across - RIDGE, top + down - RIDGE])
    return box / [width, height, width, height]
