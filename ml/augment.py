"""Varied digits: MNIST's, bent, inked and worn until they look like what people upload.

A digit is enlarged, deformed and drawn anew with another pen, then put into MNIST's frame
by the same last steps as an upload's, so that a network is trained on what it will be asked.
"""

import cv2
import numpy as np

from .drawing import CANVAS, draw_digit, draw_other
from .preprocess import SIDE, crop, frame, pen_width, thicken

PLAIN = 0.3  # the part of the images that is left as it is
UNWORN = 0.25  # the part of the others that is only bent, its pen left as it is
MIN_INK = 60  # pixels of the canvas; less is not a digit any more
_MIDDLE = (CANVAS - 1) / 2
_Y, _X = np.mgrid[-_MIDDLE : _MIDDLE : CANVAS * 1j, -_MIDDLE : _MIDDLE : CANVAS * 1j].astype("f")
_FIELDS = 256  # displacement fields drawn once and shared: smoothing one takes longer than using it


def vary(pixels: np.ndarray, fields: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary each of (n, 28, 28) uint8 images; returns the same shape and type.

    `fields` are `displacements`, drawn once for many calls.
    """
    varied = np.empty_like(pixels)
    for index, image in enumerate(pixels):
        varied[index] = image if rng.random() < PLAIN else vary_one(image, fields, rng)
    return varied


def nudge(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, slant, stretch and shift each of (n, 28, 28) uint8 images a little; the same shape."""
    moved = np.empty_like(pixels)
    middle = (SIDE - 1) / 2
    for image, target in zip(pixels, moved, strict=True):
        matrix = np.eye(2) + rng.normal(0, 0.07, (2, 2))
        shift = middle - matrix @ (middle, middle) + rng.normal(0, 0.6, 2)
        cv2.warpAffine(image, np.column_stack([matrix, shift]), (SIDE, SIDE), dst=target)
    return moved


def vary_one(image: np.ndarray, fields: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deform, redraw and frame one (28, 28) uint8 image, or a drawing of (CANVAS, CANVAS)."""
    digit = deform(image, fields, rng)
    if rng.random() < UNWORN:
        return frame(crop(digit if _has_ink(digit) else image))
    digit = change_pen(digit, rng)
    digit = wear(digit, rng)
    if not _has_ink(digit):  # the pen was too thin for this one
        return frame(crop(image))
    digit = frame(thicken(crop(digit)))
    return misplace(fade(digit, rng), rng)


def _has_ink(digit: np.ndarray) -> bool:
    return np.count_nonzero(digit > 128) >= MIN_INK


def drawn_digits(
    count: int, fields: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Varied drawings of digits: (count, 28, 28) uint8, and which digits (count,) int64."""
    digits = rng.integers(10, size=count)
    pixels = [vary_one(draw_digit(digit, rng), fields, rng) for digit in digits]
    return np.stack(pixels), digits


def drawn_others(
    count: int, images: np.ndarray, fields: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Varied drawings of what is not a digit, (count, 28, 28) uint8; `images` as `draw_other`."""
    return np.stack([vary_one(draw_other(images, rng), fields, rng) for _ in range(count)])


def deform(image: np.ndarray, fields: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, slant, stretch and bend a square uint8 image; returns (CANVAS, CANVAS) uint8."""
    if image.shape[0] != CANVAS:
        image = cv2.resize(image, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    angle, slant = np.radians(rng.normal(0, 7)), np.radians(rng.normal(0, 10))
    stretch = np.exp(rng.normal(0, 0.2 if rng.random() < 0.2 else 0.1, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, np.tan(slant)], [0, 1]]) @ np.diag(stretch) / 0.92
    matrix = matrix.astype(np.float32)
    strength = np.float32(abs(rng.normal(0, 3.3)))  # canvas pixels
    across, down = fields[rng.integers(_FIELDS)], fields[rng.integers(_FIELDS)]
    across = matrix[0, 0] * _X + matrix[0, 1] * _Y + strength * across + np.float32(_MIDDLE)
    down = matrix[1, 0] * _X + matrix[1, 1] * _Y + strength * down + np.float32(_MIDDLE)
    return cv2.remap(image, across, down, cv2.INTER_LINEAR)


def displacements(rng: np.random.Generator) -> np.ndarray:
    """Smooth random fields, (_FIELDS, CANVAS, CANVAS) float32, of standard deviation 1."""
    fields = []
    for _ in range(_FIELDS):
        coarse = rng.normal(size=(CANVAS // 6, CANVAS // 6)).astype(np.float32)
        smooth = cv2.GaussianBlur(coarse, (0, 0), rng.uniform(1.2, 2.5))
        field = cv2.resize(smooth, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        fields.append(field / (field.std() + 1e-6))
    return np.stack(fields)


def change_pen(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the digit with another pen: hairline to marker, its edges as firm as a scan's."""
    low = rng.uniform(50, 120)
    if rng.random() < 0.6:
        width = pen_width(digit)
        change = (
            float(np.clip(width * np.exp(rng.normal(0, 0.4)), 2.2, 14)) - width
        )  # canvas pixels
        if change >= 1:
            size = int(change) + 1
            pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            digit = cv2.dilate(digit, pen)
        elif change < 0:
            digit = _thin(digit, max(1.3, (width + change) / 2))
    high = low + rng.uniform(20, 130)
    return np.clip((digit - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def _thin(digit: np.ndarray, half: float) -> np.ndarray:
    """Thin strokes to `half` pixels beside their middle; erosion would leave no hairline.

    Strokes may break where they meet, as those of a pen that runs dry.
    """
    depth = cv2.distanceTransform((digit > 96).astype(np.uint8), cv2.DIST_L2, 3)
    ridge = cv2.dilate(depth, np.ones((7, 7), np.uint8))
    return np.clip((depth - ridge + half) * 128 * (depth > 0), 0, 255).astype(np.uint8)


def wear(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave holes and rough edges in some strokes, and specks beside others."""
    kind = rng.random()
    if kind < 0.08:  # a dry brush, or ink on rough paper
        grain = cv2.GaussianBlur(rng.random((CANVAS, CANVAS), np.float32), (0, 0), 1.2)
        return np.where(grain > np.quantile(grain, rng.uniform(0.03, 0.2)), digit, 0)
    if kind < 0.14:  # specks, and what is left of a ruled line
        digit = digit.copy()
        for _ in range(rng.integers(1, 4)):
            x, y = (int(value) for value in rng.integers(8, CANVAS - 8, 2))
            long = int(rng.integers(0, 9))
            cv2.line(digit, (x, y), (x + long, y), int(rng.integers(100, 256)), 1)
        return digit
    if kind < 0.20:
        return cv2.GaussianBlur(digit, (0, 0), rng.uniform(0.8, 2.5))
    return pixelate(digit, rng) if kind < 0.30 else digit


def pixelate(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a bitmap of few pixels and enlarge it, smoothly or in blocks."""
    side = int(rng.integers(16, 36))
    small = cv2.resize(digit, (side, side), interpolation=cv2.INTER_AREA)
    level = rng.uniform(0.25, 0.6) * small.max()
    _, bitmap = cv2.threshold(small, level, 255, cv2.THRESH_BINARY)
    way = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
    return cv2.resize(bitmap, (CANVAS, CANVAS), interpolation=way)


def fade(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the contrast of a quarter of the images."""
    if rng.random() > 0.25:
        return digit
    gamma = np.exp(rng.normal(0, 0.35))
    return (255 * (digit / 255) ** gamma * rng.uniform(0.55, 1)).astype(np.uint8)


def misplace(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift half of the images by a pixel or two: speckled paper pulls at the center of mass."""
    if rng.random() > 0.5:
        return pixels
    across, down = np.clip(np.round(rng.normal(0, 1.1, 2)), -3, 3).astype(int)
    return cv2.warpAffine(pixels, np.float32([[1, 0, across], [0, 1, down]]), (SIDE, SIDE))
