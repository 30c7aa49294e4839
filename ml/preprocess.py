"""Bytes of a picture to the 28x28 pixels a network reads, step by step.

Read `prepare` from top to bottom: it is the whole story. Serving, evaluation and training
share `thicken` and `frame`, the last steps, so that a network is trained on what it will see.
"""

from collections.abc import Callable

import cv2
import numpy as np

from .decode import WORKING_SIDE, decode
from .header import InvalidImage, inspect

SIDE = 28  # pixels; MNIST's frame
BOX = 20  # pixels; the box inside it that holds the digit
MIN_CONTRAST = 14  # of 255: fainter ink cannot be told from noise
MIN_RULED = 64  # pixels; in a smaller picture a line cannot be told from a stroke
PAPER_GRID = 32  # pixels on the longer side of the copy on which the paper is estimated

Show = Callable[[str, np.ndarray], None]


def prepare(upload: bytes, show: Show = lambda step, pixels: None) -> np.ndarray:
    """Turn an uploaded picture into what a network reads.

    Returns (28, 28) uint8, bright ink on black, as in MNIST. `show` receives each step's
    name and result. Raises InvalidImage when there is no picture, or no ink in it.
    """
    picture = decode(upload, inspect(upload))
    show("decoded", picture)
    framed = already_framed(picture)
    if framed is not None:
        show("already framed", framed)
        return framed
    picture = reduce(picture)
    paper = estimate_paper(picture)
    show("paper", paper)
    ink = ink_over(paper, picture)
    show("ink", ink)
    ink = strengthen(ink)
    show("strengthened", ink)
    ink = drop_lines(ink)
    show("ruled lines dropped", ink)
    ink = keep_digit(ink)
    show("digit kept", ink)
    ink = thicken(crop(ink))
    show("cropped", ink)
    pixels = frame(ink)
    show("framed", pixels)
    return pixels


def already_framed(picture: np.ndarray) -> np.ndarray | None:
    """Take a picture that is in MNIST's frame already as it is, in either polarity.

    Returns (28, 28) uint8, or None for any other picture: only 28x28 pixels of grey, on plain
    paper, in a box of 20 whose center of mass is the middle, pass.
    """
    if picture.shape[:2] != (SIDE, SIDE):
        return None
    grey, *others = cv2.split(picture)
    if any((grey != other).any() for other in others):
        return None
    if grey[0, 0] > 127:
        grey = cv2.bitwise_not(grey)
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    if rows.size == 0:
        return None
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if not BOX - 2 <= max(height, width) <= BOX:
        return None
    off_center = np.abs(np.array(center_of_mass(grey)) - (SIDE - 1) / 2)
    return grey if (off_center <= 1.25).all() else None


def reduce(picture: np.ndarray) -> np.ndarray:
    """Scale a picture down to WORKING_SIDE pixels on its longer side; never up."""
    scale = WORKING_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


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
    border &= _likely_paper(colours, border)
    fit = np.broadcast_to(np.median(colours[border], axis=0), colours.shape)
    for degree in (1, 1, 1, 3, 3, 6, 6, 6):  # constant, then plane, then quadratic
        residual = np.abs(colours - fit).max(axis=1)
        spread = max(4.0, 2.0 * float(np.median(residual[border])))
        weight = np.where(border, 3.0, 1.0) / (1 + (residual / spread) ** 4)
        basis = surface[:, :degree]
        weighted = basis * weight[:, np.newaxis]
        normal = weighted.T @ basis + 1e-3 * np.eye(degree, dtype=np.float32)
        fit = basis @ np.linalg.solve(normal, weighted.T @ colours)
    fit = np.clip(fit, 0, 255).astype(np.uint8).reshape(small.shape)
    return cv2.resize(fit, (width, height), interpolation=cv2.INTER_LINEAR)


def _likely_paper(colours: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Which of (n, 3) colours are paper, where ink and paper share the border; (n,) bool.

    A digit that fills its picture reaches the border all around. If there are two plain colours
    on the border, the one of which there is more, there and in all, is paper.
    """
    rim = colours[border]
    common = rim[np.argsort(rim.sum(axis=1))[len(rim) // 2]]
    distance = np.abs(colours - common).max(axis=1)
    far = distance > _otsu(distance.astype(np.uint8))
    if not far.any() or far.all():
        return np.ones_like(far)
    separation = distance[far].mean() - distance[~far].mean()
    if max(distance[far].std(), distance[~far].std()) > 0.2 * separation:
        return np.ones_like(far)  # not two plain colours, but light and shadow
    return far if far[border].mean() + far.mean() > 1 else ~far


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
    threshold = _otsu(distance)
    marked = distance > threshold
    noise = float(np.median(distance[~marked]))
    contrast = float(np.median(distance[marked])) if marked.any() else 0.0
    if contrast < max(MIN_CONTRAST, 4 * noise):
        raise InvalidImage("blank", f"Expected ink, found contrast {contrast:.0f} of 255.")
    direction = difference[marked].mean(axis=0)
    direction /= np.linalg.norm(direction) + 1e-6
    ink = difference @ (direction / np.abs(direction).max())
    return np.clip(ink, 0, 255).astype(np.uint8)


def _otsu(grey: np.ndarray) -> int:
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return int(threshold)


def strengthen(ink: np.ndarray) -> np.ndarray:
    """Stretch ink so that paper and its noise become 0 and a firm stroke 255."""
    threshold = _otsu(ink)
    firm = float(np.median(ink[ink > threshold]))
    low = 0.6 * threshold
    high = max(low + 1, 0.5 * (threshold + firm))
    return np.clip((ink - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def drop_lines(ink: np.ndarray) -> np.ndarray:
    """Erase ruled and squared paper's lines: thin, straight, from side to side."""
    if min(ink.shape) < MIN_RULED:
        return ink
    lines = _long_lines(ink) | _long_lines(ink.T).T
    rest = np.where(lines, 0, ink).astype(np.uint8)
    return rest if (rest > 64).any() else ink  # a single stroke across the picture is a digit


def _long_lines(ink: np.ndarray) -> np.ndarray:
    """Find nearly horizontal lines across the picture, but for where a stroke crosses them."""
    height, width = ink.shape
    marked = (ink > 64).astype(np.uint8)
    runs = cv2.morphologyEx(marked, cv2.MORPH_OPEN, np.ones((1, max(5, width // 10)), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs)
    found = np.zeros(ink.shape, bool)
    for label in range(1, count):
        _, _, across, down, area = stats[label]
        thickness = area / across
        if across > 0.85 * width and thickness <= max(2, 0.03 * height) and down <= 0.15 * height:
            found |= labels == label
    if not found.any():
        return found
    band = cv2.dilate(found.astype(np.uint8), np.ones((5, 1), np.uint8))
    rest = cv2.subtract(marked, band)
    crossing = cv2.dilate(rest, np.ones((7, 3), np.uint8)) > 0
    above = cv2.dilate(rest, np.ones((9, 3), np.uint8), anchor=(1, 8)) > 0
    below = cv2.dilate(rest, np.ones((9, 3), np.uint8), anchor=(1, 0)) > 0
    return (band > 0) & ~(crossing & above & below)


def keep_digit(ink: np.ndarray) -> np.ndarray:
    """Keep the parts of one digit; drop specks, frames, shadows at the edge and neighbours.

    Raises InvalidImage `blank` when nothing is left.
    """
    marked = (ink > 96).astype(np.uint8)
    count, labels, stats, centers = cv2.connectedComponentsWithStats(marked, connectivity=8)
    if count == 1:
        raise InvalidImage("blank", "Expected a digit, found only lines and specks.")
    scores = _likelihood(labels, stats, centers)
    kept = _parts(scores, stats)
    near = cv2.dilate(kept[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.where(near > 0, ink, 0).astype(np.uint8)


def _likelihood(labels: np.ndarray, stats: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """How likely each component is the digit: its area, less off-center; 0 for what is not."""
    height, width = labels.shape
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    scores = areas.copy()
    scores[0] = 0
    off_center = np.abs(centers / (width, height) - 0.5).max(axis=1)
    scores *= 1 - off_center
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    scores[np.bincount(rim, minlength=len(stats)) > 0.5 * len(rim)] = 0
    sides = _sides_touched(stats, labels.shape)
    if not sides[np.argmax(scores)]:  # a digit that fills its picture may touch the edge, too
        scores[(sides > 0) & (off_center > 0.38)] = 0
    for label in np.flatnonzero(areas > 0.1 * areas[1:].max(initial=1))[1:]:
        if _is_frame(label, labels, stats):
            scores[label] = 0
    return scores if scores.any() else areas * (np.arange(len(areas)) > 0)


def _sides_touched(stats: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How many of the picture's four sides each component reaches; (n,) int."""
    left, top, across, down, _ = stats.T
    at_edge = [left == 0, top == 0, left + across == shape[1], top + down == shape[0]]
    return np.sum(at_edge, axis=0)


def _is_frame(label: int, labels: np.ndarray, stats: np.ndarray) -> bool:
    """Whether a component is a box drawn around another one."""
    left, top, across, down, area = stats[label]
    if area > 0.4 * across * down:
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
    return bool(core.sum() < 0.1 * area)


def _parts(scores: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """Which components make up the digit: the likeliest one, and what is close to it."""
    main = int(np.argmax(scores))
    kept = np.arange(len(scores)) == main
    areas = stats[:, cv2.CC_STAT_AREA]
    box = _box(stats[main])
    size = max(stats[main][cv2.CC_STAT_HEIGHT], stats[main][cv2.CC_STAT_WIDTH])
    for label in np.argsort(-scores):
        part = _box(stats[label])
        if kept[label] or scores[label] <= 0 or areas[label] < 0.004 * areas[main]:
            continue
        if _gap(part, box) <= _reach(part, box, areas[label] / areas[main]) * size:
            kept[label] = True
            box = _union(box, part)
    return kept


def _reach(part: tuple, box: tuple, share: float) -> float:
    """How far a part may be from the rest of its digit, in parts of the digit's size.

    The bar of a 5 may float above it; what is beside a digit is a neighbour, what is small a speck.
    """
    if share < 0.03:
        return 0.1
    overlap = min(part[2], box[2]) - max(part[0], box[0])
    return 0.5 if overlap > 0.6 * (part[2] - part[0]) else 0.25


def _box(stat: np.ndarray) -> tuple[int, int, int, int]:
    left, top, across, down = (int(value) for value in stat[:4])
    return left, top, left + across, top + down


def _gap(one: tuple, other: tuple) -> float:
    """The distance between two boxes, in pixels; 0 when they touch or overlap."""
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return float(np.hypot(max(0, across), max(0, down)))


def _union(one: tuple, other: tuple) -> tuple:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def crop(ink: np.ndarray) -> np.ndarray:
    """Cut out the box that holds the ink. Raises InvalidImage `blank` when there is none."""
    left, top, width, height = cv2.boundingRect((ink > 64).astype(np.uint8))
    if width == 0:
        raise InvalidImage("blank", "Expected ink, found none.")
    return ink[top : top + height, left : left + width]


MIN_PEN = 1.4  # pixels of the 20x20 box: MNIST's thinnest strokes


def thicken(digit: np.ndarray) -> np.ndarray:
    """Widen a hairline, so that it does not fade when it is scaled down.

    Takes and returns a cropped digit; the result may be larger by the pen's width.
    """
    scale = BOX / max(digit.shape)
    missing = MIN_PEN / scale - pen_width(digit)
    if missing < 1:
        return digit
    size = int(missing) + 1
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    margin = size // 2 + 1
    return crop(cv2.dilate(cv2.copyMakeBorder(digit, *[margin] * 4, cv2.BORDER_CONSTANT), pen))


def pen_width(digit: np.ndarray) -> float:
    """Estimate the width of the strokes in pixels, from the area that one more pixel adds."""
    marked = cv2.copyMakeBorder((digit > 96).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    area = int(marked.sum())
    wider = int(cv2.dilate(marked, np.ones((3, 3), np.uint8)).sum())
    return 2 * area / max(1, wider - area)


def frame(digit: np.ndarray) -> np.ndarray:
    """Place a cropped digit in MNIST's frame.

    Takes (h, w) uint8, bright ink on black; returns (28, 28) uint8. The digit is
    scaled to a 20x20 box and shifted so that its center of mass is in the middle,
    as the images of the MNIST database were made (LeCun, Cortes and Burges).
    """
    height, width = digit.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = scale < 1
    digit = cv2.resize(digit, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    x, y = center_of_mass(digit)
    middle = (SIDE - 1) / 2
    left = int(np.clip(round(middle - x), 0, SIDE - size[0]))
    top = int(np.clip(round(middle - y), 0, SIDE - size[1]))
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + size[1], left : left + size[0]] = digit
    return pixels


def center_of_mass(grey: np.ndarray) -> tuple[float, float]:
    """The center (x, y) of a picture's brightness, in pixels."""
    moments = cv2.moments(grey)
    if moments["m00"] == 0:
        return (grey.shape[1] - 1) / 2, (grey.shape[0] - 1) / 2
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
