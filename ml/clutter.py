"""What is on the paper beside the digit: frames, underlines, edges, specks, neighbours."""

from typing import NamedTuple

import cv2
import numpy as np

from .header import InvalidImage
from .ruled import MIN_RULED

NOTHING = "The picture holds only lines and specks. Crop it closer to the digit."
CRUMB = 0.03  # of the area of a digit's largest stroke: less is a crumb of one, or a speck
SECOND = 0.05  # of the likeliest piece's score: less is no second choice
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


class Components(NamedTuple):
    """The connected pieces of ink; piece 0 is the paper."""

    labels: np.ndarray  # (h, w) uint16
    stats: np.ndarray  # (n, 5) int32: left, top, width, height, area; none of a single piece
    scores: np.ndarray  # (n,) float32: how likely it is the digit, 0 for what is none


def find_components(ink: np.ndarray) -> Components:
    """Find the pieces of (h, w) uint8 ink. Raises InvalidImage `blank` when there are none."""
    marked = (ink > 96).astype(np.uint8)
    if min(ink.shape) >= MIN_RULED:  # bridge the gaps of a hairline
        marked = cv2.dilate(marked, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(marked, ltype=cv2.CV_16U)
    if count == 1:
        raise InvalidImage("blank", NOTHING)
    if count == 2:  # one piece, and so the digit; to measure it would take four times as long
        return Components(labels, np.empty((0, 5), np.int32), np.array([0, 1], np.float32))
    _, labels, stats, centers = cv2.connectedComponentsWithStats(marked, ltype=cv2.CV_16U)
    return Components(labels, stats, _likelihood(labels, stats, centers))


def without_likeliest(components: Components) -> Components:
    """The pieces, where the likeliest digit is none. Raises InvalidImage if no other may be."""
    labels, stats, scores = components
    rest = np.where(_parts(scores, stats), 0, scores) if len(scores) > 2 else np.zeros(1)
    if rest.max() <= SECOND * scores.max():
        raise InvalidImage("blank", NOTHING)
    return Components(labels, stats, rest.astype(np.float32))


def keep_digit(ink: np.ndarray, components: Components) -> np.ndarray:
    """Keep the parts of one digit; drop specks, frames, shadows at the edge and neighbours."""
    labels, stats, scores = components
    if len(scores) == 2:  # one stroke, and nothing beside it
        return ink
    kept = np.take(_parts(scores, stats).astype(np.uint8), labels)
    crumbs = (scores > 0) & (stats[:, cv2.CC_STAT_AREA] < CRUMB * stats[1:, cv2.CC_STAT_AREA].max())
    if crumbs.any():
        kept |= np.take(_beside(kept, labels, crumbs).astype(np.uint8), labels)
    near = cv2.dilate(kept, np.ones((3, 3), np.uint8))
    return cv2.bitwise_and(ink, ink, mask=near)


def is_edge(components: Components) -> bool:
    """Whether the likeliest piece runs along a whole side of the picture, as a table does."""
    labels, main = components.labels, int(np.argmax(components.scores))
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return any(np.count_nonzero(side == main) > 0.9 * len(side) for side in sides)


def are_several(components: Components) -> bool:
    """Whether a second digit, about as high as the likeliest one, stands beside it."""
    stats, scores = components.stats, components.scores
    if len(scores) == 2:
        return False
    main = int(np.argmax(scores))
    left, top, across, down, area = stats[main]
    size = max(across, down)
    gap = np.maximum(stats[:, 0] - (left + across), left - (stats[:, 0] + stats[:, 2]))
    shared = np.minimum(stats[:, 1] + stats[:, 3], top + down) - np.maximum(stats[:, 1], top)
    beside = (gap > 0.12 * size) & (gap < 2 * size)  # closer, it is a stroke of an open 4
    as_high = shared > 0.65 * np.maximum(stats[:, 3], down)
    as_big = (stats[:, 4] > 0.25 * area) & (scores > 0)
    return bool((beside & as_high & as_big).any())


def _likelihood(labels: np.ndarray, stats: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """How likely each component is the digit: its area, less off-center; 0 for what is not."""
    height, width = labels.shape
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    areas[0] = 0
    off_center = np.abs(centers / (width, height) - 0.5).max(axis=1)
    scores = areas * (1 - off_center)
    scores[_full_sides(labels, len(stats)) >= 2] = 0
    at_edge = _at_edge(stats, labels.shape)
    central = np.where(off_center <= 0.38, scores, 0)
    if not at_edge[np.argmax(central)]:  # a digit that fills its picture may touch the edge, too
        scores[at_edge & (off_center > 0.33)] = 0
    if min(height, width) >= MIN_RULED:
        for label in np.flatnonzero(scores > CRUMB * scores.max()):
            if _is_underline(label, stats):
                scores[label] = 0
    boxes = stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
    for label in np.flatnonzero((boxes > 0.1 * height * width) & (scores > 0)):
        if _is_frame(label, labels, stats):
            scores[label] = 0
    return scores if scores.any() else areas


def _full_sides(labels: np.ndarray, count: int) -> np.ndarray:
    """How many of the picture's four sides each component covers; (count,) int."""
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return np.sum([np.bincount(side, minlength=count) > 0.9 * len(side) for side in sides], axis=0)


def _at_edge(stats: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Whether each component reaches the edge of the picture; (n,) bool."""
    left, top, across, down, _ = stats.T
    return (left == 0) | (top == 0) | (left + across == shape[1]) | (top + down == shape[0])


def _is_frame(label: int, labels: np.ndarray, stats: np.ndarray) -> bool:
    """Whether a component is a box or a circle drawn around another one."""
    left, top, across, down, area = stats[label]
    if area > 0.55 * across * down:
        return False
    right, bottom = left + across, top + down
    inside = (
        (stats[:, 0] > left)
        & (stats[:, 1] > top)
        & (stats[:, 0] + stats[:, 2] < right)
        & (stats[:, 1] + stats[:, 3] < bottom)
        & (stats[:, 3] > 0.3 * down)
    )
    if not inside.any():
        return False
    rim = max(1, round(0.08 * min(across, down)))
    core = labels[top + rim : bottom - rim, left + rim : right - rim] == label
    if core.sum() < 0.1 * area or min(labels.shape) < MIN_RULED:
        return bool(core.sum() < 0.1 * area)
    middle = stats[inside, :2] + stats[inside, 2:4] / 2 - (left, top)
    centered = np.abs(middle / (across, down) - 0.5).max(axis=1) < 0.15  # not the hole of a 6
    box = labels[top:bottom, left:right] == label
    return any(_surrounds(box, *center) for center in middle[centered])


def _surrounds(ring: np.ndarray, x: float, y: float) -> bool:
    """Whether a mask lies around a point, but for a gap, and leaves what is near it free."""
    rows, columns = np.nonzero(ring)
    across, down = (columns - x) / ring.shape[1], (rows - y) / ring.shape[0]
    seen = np.histogram(np.arctan2(down, across), 24, (-np.pi, np.pi))[0] > 0
    return bool(seen.mean() > 0.85 and np.hypot(across, down).min() > 0.25)


def _is_underline(label: int, stats: np.ndarray) -> bool:
    """Whether a component is a flat line below another one, and not the foot of a 1 or a 2."""
    left, top, across, down, _ = stats[label]
    if down > 0.25 * across:
        return False
    lefts, tops, widths, heights, _ = stats.T
    over = np.minimum(left + across, lefts + widths) - np.maximum(left, lefts) > 0.5 * widths
    gap = top - (tops + heights)
    near = np.where(widths > 0.35 * heights, 0.03, 0.06) * heights  # a 1 stands close to its foot
    above = over & (gap > near) & (gap < heights) & (heights > 2.5 * down)
    alike = (heights > 0.4 * across) & (heights < across / 0.35)
    return bool((above & alike)[1:].any())


def _parts(scores: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """Which components are strokes of the digit: the likeliest one, and what is close to it."""
    main = int(np.argmax(scores))
    kept = np.arange(len(scores)) == main
    areas = stats[:, cv2.CC_STAT_AREA]
    box = _box(stats[main])
    size = max(stats[main][cv2.CC_STAT_HEIGHT], stats[main][cv2.CC_STAT_WIDTH])
    for label in np.argsort(-scores):
        part = _box(stats[label])
        if kept[label] or scores[label] <= 0 or areas[label] < CRUMB * areas[main]:
            continue
        if _gap(part, box) <= _reach(part, box, areas[label] / areas[main]) * size:
            kept[label] = True
            box = _union(box, part)
    return kept


def _reach(part: Box, box: Box, share: float) -> float:
    """How far a part may be from the rest of its digit, in parts of the digit's size.

    The bar of a 5 may float above it; what is beside a digit is a neighbour, and what is small
    (its area the `share` of the largest stroke's) part of a caption.
    """
    overlap = min(part[2], box[2]) - max(part[0], box[0])
    if overlap > 0.6 * (part[2] - part[0]) and part[3] < (box[1] + box[3]) / 2:
        return 0.5
    return 0.25 if share > 0.1 else 0.12


def _beside(kept: np.ndarray, labels: np.ndarray, crumbs: np.ndarray) -> np.ndarray:
    """Which crumbs lie beside the kept strokes, as a dry brush leaves them; (n,) bool."""
    *_, width, height = cv2.boundingRect(kept)
    reach = 2 * max(1, round(0.04 * max(height, width))) + 1
    near = cv2.dilate(kept, np.ones((reach, reach), np.uint8))
    reached = np.bincount(labels[near > 0], minlength=len(crumbs)) > 0
    return crumbs & reached


def _box(stat: np.ndarray) -> Box:
    left, top, across, down = (int(value) for value in stat[:4])
    return left, top, left + across, top + down


def _gap(one: Box, other: Box) -> float:
    """The distance between two boxes, in pixels; 0 when they touch or overlap."""
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return float(np.hypot(max(0, across), max(0, down)))


def _union(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
