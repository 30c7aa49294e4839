"""Bytes of a picture to its colours, upright, on paper."""

import cv2
import numpy as np

from .header import Header, InvalidImage
from .inflate import with_stored_rows
from .png import still

WORKING_SIDE = 192  # pixels on the longer side; enough for a digit a tenth as high as its picture
WHITE = 240  # of 255: brighter ink cannot be seen on white paper

cv2.utils.logging.setLogLevel(0)  # a broken upload is answered to its sender, not logged


def decode(upload: bytes, header: Header, side: int = WORKING_SIDE) -> np.ndarray:
    """Decode a picture, reduced if that is faster, but to no less than `side` pixels in length.

    Returns (h, w, 3) uint8, blue-green-red, or (h, w) of a file without colour, upright by its
    EXIF orientation. Transparent pixels show paper, 16 bits are scaled to 8. Raises InvalidImage
    `not_an_image`.
    """
    try:
        if header.format == "PNG":
            upload = with_stored_rows(still(upload))
        if header.has_alpha:
            return upright(over_paper(_pixels(upload, cv2.IMREAD_UNCHANGED)), header.orientation)
        return _pixels(upload, _reduction(header, side))
    except (cv2.error, MemoryError, ValueError) as error:
        raise InvalidImage("not_an_image", "The picture is damaged.") from error


def _pixels(upload: bytes, flags: int) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(upload, np.uint8), flags)
    if pixels is None:
        raise InvalidImage("not_an_image", "The picture is damaged.")
    return pixels


def _reduction(header: Header, side: int) -> int:
    """The flags that decode a JPEG at 1/2, 1/4 or 1/8 of its sides, at a fraction of the time."""
    if header.format == "JPEG":
        longer = max(header.width, header.height)
        for factor, flag in (
            (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
            (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
            (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
        ):
            if longer >= factor * side:
                return flag | cv2.IMREAD_ANYCOLOR
    return cv2.IMREAD_ANYCOLOR


def over_paper(pixels: np.ndarray) -> np.ndarray:
    """Lay (h, w), (h, w, 3) or (h, w, 4) pixels of 8 or 16 bits on paper; (h, w, 3) uint8.

    The paper is white, as in a browser, or black where white ink would be lost on it.
    """
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    if pixels.shape[2] == 3:
        return pixels
    opacity = cv2.merge([pixels[..., 3]] * 3)
    ink = cv2.multiply(pixels[..., :3], opacity, scale=1 / 255)
    on_white = cv2.add(ink, cv2.bitwise_not(opacity))
    return ink if on_white.min() >= WHITE else on_white


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation (1-8; anything else is upright)."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)
