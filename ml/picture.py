"""Pictures for people to look at: pixels to PNG files."""

import cv2
import numpy as np

from .decode import decode
from .header import inspect


def as_png(pixels: np.ndarray) -> bytes:
    """Encode (h, w) or (h, w, 3) uint8 pixels, blue-green-red, as a PNG file."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def thumbnail(upload: bytes, side: int) -> bytes:
    """An upload as a PNG file of at most `side` pixels on its longer side, upright.

    Drawn anew from the decoded pixels: nothing else that the file held is in it.
    Raises InvalidImage.
    """
    pixels = decode(upload, inspect(upload), side)
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return as_png(pixels)
