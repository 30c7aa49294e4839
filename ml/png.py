"""The seals of a PNG: a length and a checksum for each of its chunks."""

import zlib

MAGIC_BYTES = 8
FRAME_BYTES = 12  # of a chunk, beside its content: length, kind and checksum


def is_whole(upload: bytes) -> bool:
    """Whether a PNG has its end, and every chunk before it the right checksum.

    Looked at before decoding: it takes 2 microseconds for a small file, and libpng would write
    what it finds to standard error, between the lines of the log.
    """
    view, start = memoryview(upload), MAGIC_BYTES
    while start + FRAME_BYTES <= len(view):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        checksum = view[end : end + 4]
        if len(checksum) < 4 or zlib.crc32(view[start + 4 : end]) != int.from_bytes(
            checksum, "big"
        ):
            return False
        if view[start + 4 : start + 8] == b"IEND":
            return True
        start = end + 4
    return False
