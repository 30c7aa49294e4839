"""BMP: its header, then OpenCV."""

import re
import struct

import numpy as np

from .base import Header, check_size, damaged
from .opencv import imdecode

MAGIC = re.compile(rb"BM")
OLD_HEADER_BYTES = 12  # OS/2
HEADER_BYTES = (40, 52, 56, 64, 108, 124)
ALPHA_HEADER_BYTES = 56  # from here on a header has masks for four channels
PLAIN, RLE8, RLE4, BIT_FIELDS = range(4)
BITS = {PLAIN: (1, 4, 8, 16, 24, 32), RLE8: (8,), RLE4: (4,), BIT_FIELDS: (16, 32)}


def scan(upload: bytes) -> Header:
    """Raises InvalidImage: `not_an_image`, and for its size."""
    if len(upload) < 14 + OLD_HEADER_BYTES:
        raise damaged()
    offset, header_bytes = struct.unpack_from("<II", upload, 10)
    if header_bytes == OLD_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", upload, 18)
        compression = PLAIN
    elif header_bytes in HEADER_BYTES and len(upload) >= 14 + header_bytes:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", upload, 18)
    else:
        raise damaged()
    height = abs(height)  # negative from top to bottom
    if bits not in BITS.get(compression, ()):
        raise damaged()
    check_size("BMP", width, height)
    row_bytes = (width * bits + 31) // 32 * 4
    if compression in (PLAIN, BIT_FIELDS) and offset + row_bytes * height > len(upload):
        raise damaged()
    has_alpha = (
        compression == BIT_FIELDS
        and header_bytes >= ALPHA_HEADER_BYTES
        and upload[66:70] != bytes(4)
    )
    return Header("BMP", width, height, has_alpha, orientation=1)


def pixels(upload: bytes, header: Header, side: int) -> np.ndarray:
    """Decode at full size."""
    return imdecode(upload, header.has_alpha)
