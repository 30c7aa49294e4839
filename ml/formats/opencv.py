"""OpenCV's decoders, for files whose structure was checked."""

import cv2
import numpy as np

from .base import damaged

cv2.utils.logging.setLogLevel(0)  # a broken upload is answered to its sender, not logged


def imdecode(file: bytes, has_alpha: bool) -> np.ndarray:
    """The pixels as stored: (h, w) or (h, w, 3) uint8; with opacity (h, w, 4), 8 or 16 bits."""
    flags = cv2.IMREAD_UNCHANGED if has_alpha else cv2.IMREAD_ANYCOLOR
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise damaged()
    return pixels
