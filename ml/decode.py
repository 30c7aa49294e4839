"""Bytes of a picture to its colours, upright, on paper."""

import cv2
import numpy as np

from .formats import FORMATS
from .formats.base import Header, InvalidImage, damaged

WORKING_SIDE = 192  # pixels on the longer side; enough for a digit a tenth as high as its picture
WHITE = 240  # of 255: brighter ink cannot be seen on white paper
BAND_ROWS = 256  # that are laid on paper at a time: copies of the whole would take twice its memory


def decode(upload: bytes, header: Header, side: int = WORKING_SIDE) -> np.ndarray:
    """Decode a picture, reduced if that is faster, but to no less than `side` pixels in length.

    Takes what `inspect` returned for it. Returns (h, w, 3) uint8, blue-green-red, or (h, w) of a
    file without colour, upright by its EXIF orientation. Transparent pixels show paper, 16 bits
    are scaled to 8. Raises InvalidImage `not_an_image`.
    """
    try:
        pixels = FORMATS[header.format].pixels(upload, header, side)
        if header.has_alpha:
            pixels = over_paper(pixels)
        return upright(pixels, header.orientation)
    except InvalidImage:
        raise
    except (cv2.error, MemoryError, ValueError, OSError) as error:
        raise damaged() from error


def over_paper(pixels: np.ndarray) -> np.ndarray:
    """Lay (h, w), (h, w, 3) or (h, w, 4) pixels of 8 or 16 bits on paper; (h, w, 3) uint8.

    The paper is white, as in a browser, or black where white ink would be lost on it.
    """
    shown = np.empty((*pixels.shape[:2], 3), np.uint8)
    darkest = min(_lay(band, out, white=True) for band, out in _bands(pixels, shown))
    if darkest >= WHITE and pixels.ndim == 3 and pixels.shape[2] == 4:
        for band, out in _bands(pixels, shown):
            _lay(band, out, white=False)
    return shown


def _bands(pixels: np.ndarray, shown: np.ndarray):
    for top in range(0, len(pixels), BAND_ROWS):
        yield pixels[top : top + BAND_ROWS], shown[top : top + BAND_ROWS]


def _lay(pixels: np.ndarray, out: np.ndarray, white: bool) -> int:
    """Lay pixels on white or black paper; returns the darkest value."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR, dst=out)
    elif pixels.shape[2] == 3:
        out[:] = pixels
    else:
        opacity = cv2.cvtColor(cv2.extractChannel(pixels, 3), cv2.COLOR_GRAY2BGR)
        ink = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)
        cv2.multiply(ink, opacity, dst=out, scale=1 / 255)
        if white:
            cv2.add(out, cv2.bitwise_not(opacity), dst=out)
    return int(out.min())


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation (1-8; anything else is upright)."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)
