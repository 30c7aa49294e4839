"""Bytes of a picture to the 28x28 pixels a network reads, step by step.

Read `prepare` from top to bottom: it is the whole story. Serving, evaluation and training
share `thicken` and `frame`, the last steps, so that a network is trained on what it will see.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from .clutter import NOTHING, are_several, find_components, is_edge, keep_digit, without_likeliest
from .decode import decode
from .header import Header, InvalidImage, inspect
from .paper import MIN_LIT, strengthen
from .readings import FIRST, OF_SMALL, OTHERS, SECOND, Scene, without_colour
from .sheet import trim_bars

SIDE = 28  # pixels; MNIST's frame
BOX = 20  # pixels; the box inside it that holds the digit

Show = Callable[[str, np.ndarray], None]


class Prepared(NamedTuple):
    """A picture made ready for a network."""

    pixels: np.ndarray  # (28, 28) uint8, bright ink on black, as in MNIST
    several: bool  # whether there is more than one digit; `pixels` show the likeliest
    format: str = ""  # of the file, one of header.FORMATS; empty: there was none
    reading: str = FIRST  # how ink was told from paper, one of readings.READINGS
    others: Callable[[], Iterable["Prepared"]] = tuple  # other readings, made when asked for


def prepare(upload: bytes, show: Show = lambda step, pixels: None, reading: str = "") -> Prepared:
    """Turn an uploaded picture into what a network reads.

    `show` receives each step's name and result. Without a `reading`, it is the first way that
    finds a digit. Raises InvalidImage when there is no picture, or no ink in it.
    """
    header = inspect(upload)
    picture = decode(upload, header)
    show("decoded", picture)
    framed = already_framed(picture)
    if framed is not None:
        show("already framed", framed)
        return Prepared(framed, several=False, format=header.format)
    scene = Scene(trim_bars(picture), show)
    others = partial(read_otherwise, upload, header)
    try:
        return finish(scene, reading or FIRST, header.format, others)
    except InvalidImage:
        if reading:
            raise
        for prepared in finish_others(scene, header.format):
            return prepared._replace(others=others)
        raise


def read_otherwise(upload: bytes, header: Header) -> Iterator[Prepared]:
    """Prepare the upload in all other readings. It is decoded again, rather than kept decoded."""
    return finish_others(Scene(trim_bars(decode(upload, header))), header.format)


def finish_others(scene: Scene, format: str) -> Iterator[Prepared]:
    """The scene in each reading but the first that finds a digit in it."""
    for reading in OTHERS if max(scene.small.shape[:2]) >= MIN_LIT else OF_SMALL:
        with contextlib.suppress(InvalidImage):
            yield finish(scene, reading, format)


def finish(
    scene: Scene, reading: str, format: str, others: Callable[[], Iterable[Prepared]] = tuple
) -> Prepared:
    """Find the digit in the ink, and frame it. Raises InvalidImage where there is none."""
    show = scene.show
    ink = strengthen(scene.ink_of(reading.removesuffix(SECOND)))
    show("strengthened", ink)
    components = find_components(ink)
    if reading.endswith(SECOND):
        components = without_likeliest(components)
    if reading != FIRST and is_edge(components):
        raise InvalidImage("blank", NOTHING)
    ink = keep_digit(ink, components)
    show("digit kept", ink)
    ink = thicken(crop(ink))
    show("cropped", ink)
    pixels = frame(ink)
    show("framed", pixels)
    return Prepared(pixels, are_several(components), format, reading, others)


def attempt(upload: bytes) -> Prepared | InvalidImage:
    """`prepare`, where a refusal is one of many results."""
    try:
        return prepare(upload)
    except InvalidImage as refusal:
        return refusal


def already_framed(picture: np.ndarray) -> np.ndarray | None:
    """Take a picture that is in MNIST's frame already as it is, in either polarity.

    Returns (28, 28) uint8, or None for any other picture: only 28x28 pixels of grey, on plain
    paper, in a box of 20 whose center of mass is the middle, pass.
    """
    if picture.shape[:2] != (SIDE, SIDE):
        return None
    grey = without_colour(picture)
    if grey.ndim == 3:
        return None
    if grey[0, 0] > 127:
        grey = cv2.bitwise_not(grey)
    *_, width, height = cv2.boundingRect(grey)
    if not BOX - 2 <= max(height, width) <= BOX:
        return None
    x, y = center_of_mass(grey)
    middle = (SIDE - 1) / 2
    return grey if max(abs(x - middle), abs(y - middle)) <= 1.25 else None


def crop(ink: np.ndarray) -> np.ndarray:
    """Cut out the box that holds the ink. Raises InvalidImage `blank` when there is none."""
    left, top, width, height = cv2.boundingRect((ink > 64).astype(np.uint8))
    if width == 0:
        raise InvalidImage("blank", NOTHING)
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
    area = cv2.countNonZero(marked)
    wider = cv2.countNonZero(cv2.dilate(marked, np.ones((3, 3), np.uint8)))
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
    left = min(max(0, round(middle - x)), SIDE - size[0])
    top = min(max(0, round(middle - y)), SIDE - size[1])
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + size[1], left : left + size[0]] = digit
    return pixels


def center_of_mass(grey: np.ndarray) -> tuple[float, float]:
    """The center (x, y) of a picture's brightness, in pixels."""
    moments = cv2.moments(grey)
    if moments["m00"] == 0:
        return (grey.shape[1] - 1) / 2, (grey.shape[0] - 1) / 2
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
