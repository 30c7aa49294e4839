"""PNG files built chunk by chunk, so that tests can ask for what no encoder writes."""

import struct
import zlib

from classifier.tests.hostile import MAGIC, chunk  # pure bytes; no Django in it

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
END = chunk(b"IEND", b"")


def header(width: int, height: int, depth: int = 8, colour: int = GREY, interlaced=0) -> bytes:
    content = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return MAGIC + chunk(b"IHDR", content)


def row_bytes(width: int, depth: int, colour: int) -> int:
    return 1 + (width * depth * CHANNELS[colour] + 7) // 8


def rows_bytes(width: int, height: int, depth: int, colour: int, interlaced=0) -> int:
    """The length of all rows with their filter bytes, by the definition of Adam7."""
    if not interlaced:
        return height * row_bytes(width, depth, colour)
    total = 0
    for left, top, across, down in PASSES:
        columns, rows = len(range(left, width, across)), len(range(top, height, down))
        total += rows * row_bytes(columns, depth, colour) if columns else 0
    return total


def zeros(count: int) -> bytes:
    """That many zero bytes, compressed, without compressing each."""
    size = 1 << 20
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compress.compress(bytes(size)) + compress.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    rest = last.compress(bytes(count % size)) + last.flush()
    checksum = (1 + (count % 65521 << 16)) & 0xFFFFFFFF  # Adler-32 of zeros
    return b"\x78\xda" + block * (count // size) + rest + struct.pack(">I", checksum)


def png(head: bytes, compressed: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    return head + before + chunk(b"IDAT", compressed) + after + END


def blank(width, height, depth=8, colour=GREY, interlaced=0, before: bytes = b"") -> bytes:
    """A valid PNG whose every byte of pixels is zero."""
    size = rows_bytes(width, height, depth, colour, interlaced)
    return png(header(width, height, depth, colour, interlaced), zeros(size), before)
