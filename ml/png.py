"""A PNG without what a still picture does not need.

OpenCV 5.0.0 crashes on an animated PNG whose frames are cut short (found by mutating files at
random), and libpng writes what it thinks of checksums and colour profiles to standard error,
between the lines of the log. Neither gets to see any of it. Looking at the checksums takes 2
microseconds for a small file, and 4 % of the decoding of a noisy one of 15 MB.
"""

import zlib
from collections.abc import Iterator

MAGIC = b"\x89PNG\r\n\x1a\n"
FRAME_BYTES = 12  # of a chunk, beside its content: length, kind and checksum
HEADER_BYTES = FRAME_BYTES + 13
HEADER_LENGTH = b"\0\0\0\x0d"
END = b"\0\0\0\0IEND\xaeB`\x82"
BEFORE_PIXELS = {b"PLTE", b"tRNS", b"eXIf"}  # kept, once each


def still(upload: bytes) -> bytes:
    """The same picture as a plain PNG; the upload itself if it is one. Raises ValueError."""
    if _is_simplest(upload):
        return upload
    kept, seen = [MAGIC], set()
    for kind, chunk in chunks(memoryview(upload)):
        if (kind == b"IHDR") != (len(kept) == 1) or (not seen and len(chunk) != HEADER_BYTES):
            raise ValueError("Expected one header, at the beginning.")
        before_pixels = kind in BEFORE_PIXELS and not seen & {kind, b"IDAT"}
        if before_pixels or kind in (b"IHDR", b"IDAT", b"IEND"):
            kept.append(chunk)
        seen.add(kind)
    if sum(map(len, kept)) == len(upload):
        return upload
    return b"".join(kept)


def _is_simplest(upload: bytes) -> bool:
    """Whether it is nothing but a header, pixels in one chunk and an end: most small ones are."""
    if upload[12:16] != b"IHDR" or upload[37:41] != b"IDAT" or not upload.endswith(END):
        return False
    pixels_end = len(upload) - len(END) - 4
    return (
        upload[8:12] == HEADER_LENGTH
        and int.from_bytes(upload[33:37], "big") == pixels_end - 41
        and zlib.crc32(upload[12:29]) == int.from_bytes(upload[29:33], "big")
        and zlib.crc32(upload[37:pixels_end])
        == int.from_bytes(upload[pixels_end : pixels_end + 4], "big")
    )


def chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and bytes of each chunk up to the end. Raises ValueError on damage."""
    kind, start = b"", len(MAGIC)
    while kind != b"IEND":
        end = start + FRAME_BYTES + int.from_bytes(view[start : start + 4], "big")
        checksum = view[end - 4 : end]
        if (
            len(checksum) < 4
            or zlib.crc32(view[start + 4 : end - 4]).to_bytes(4, "big") != checksum
        ):
            raise ValueError("Expected a whole chunk with the right checksum.")
        kind = bytes(view[start + 4 : start + 8])
        yield kind, view[start:end]
        start = end
