"""Which way up a photo is, from its EXIF data.

Pillow and OpenCV can tell, too, but a file may make both of them copy the same megabytes
thousands of times.
"""

import struct

ORIENTATION = 0x0112
SHORT = 3  # the type that the standard gives to orientations
MAX_ENTRIES = 1000  # of the first directory; cameras write 10 to 40


def orientation(exif: bytes) -> int:
    """1 to 8, as in EXIF; 1, upright, where nothing legible says otherwise."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    count = int.from_bytes(tiff[start : start + 2], "little" if order == "<" else "big")
    entries = tiff[start + 2 : start + 2 + 12 * min(count, MAX_ENTRIES)]
    entries = entries[: len(entries) // 12 * 12]
    for tag, kind, _, value in struct.iter_unpack(f"{order}HHIH2x", entries):
        if tag == ORIENTATION and kind == SHORT and 1 <= value <= 8:
            return value
    return 1
