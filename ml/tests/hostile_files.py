"""Small files that are slow to read or large to decode: how to make them, and their refusal.

Rows 67 to 73 of the list of hostile uploads and their neighbours; classifier/tests/test_uploads.py
sends them to the real server.
"""

import struct
import zlib

import numpy as np
from PIL import Image

from classifier.tests.hostile import chunk, encoded, text_bomb  # pure bytes; no Django in it

from . import jpeg_files as jpeg
from . import png_files as png

MILLION = 1_000_000
SMALL_JPEG = jpeg.progressive(64, 5)
SMALL_PNG = png.blank(28, 28)


def in_jpeg(content: bytes) -> bytes:
    """A good JPEG with this at its beginning."""
    return SMALL_JPEG[:2] + content + SMALL_JPEG[2:]


def in_png(content: bytes) -> bytes:
    """A good PNG with this after its header."""
    return SMALL_PNG[:33] + content + SMALL_PNG[33:]


def restarts(scans: int) -> bytes:
    """Progressive scans with a restart marker after each row of blocks."""
    return jpeg.progressive(64, scans, more=jpeg.segment(0xDD, struct.pack(">H", 8)))


def webp_chunks(count: int) -> bytes:
    """A WebP picture before which stand this many empty chunks."""
    picture = encoded(Image.new("RGB", (28, 28)), "WEBP")[12:]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([0, 0, 0, 0, 27, 0, 0, 27, 0, 0])
    body = b"WEBP" + extended + b"abcd\0\0\0\0" * count + picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_frames(count: int) -> bytes:
    """An animation whose frames hold nothing, after a first one that is a picture."""
    first = encoded(
        Image.new("RGBA", (28, 28), (0, 0, 0, 9)),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGBA", (28, 28), (0, 0, 0, 99))],
    )
    body = first[8:] + (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def empty_blocks(megabytes: int) -> bytes:
    """Deflate's blocks of their own Huffman codes, with nothing in them: 11 bytes each."""
    bits, length = 0, 0
    lengths = {18: 1, 1: 1}  # of the codes of code lengths: a run of zeros, and a one
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    fields = [(0, 1), (2, 2), (0, 5), (0, 5), (len(order) - 4, 4)]
    fields += [(lengths.get(each, 0), 3) for each in order]
    fields += [(1, 1), (127, 7), (1, 1), (107, 7), (0, 1), (0, 1), (0, 1)]
    for value, count in fields:
        bits |= value << length
        length += count
    eight = sum(bits << length * place for place in range(8)).to_bytes(length, "little")
    rows = bytes(29 * 28)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    blocks = eight * (megabytes * MILLION // len(eight)) + last.compress(rows) + last.flush()
    return b"\x78\x9c" + blocks + struct.pack(">I", zlib.adler32(rows))


HOSTILE = {
    "67 JPEG of 882 scans": (lambda: jpeg.progressive(7000, 882), "too_complex"),
    "67 JPEG of 30 large scans": (lambda: jpeg.progressive(7000, 30), "too_complex"),
    "67 small JPEG of 101 scans": (lambda: jpeg.progressive(64, 101), "too_complex"),
    "68 JPEG of 1,500 scans, three components": (
        lambda: jpeg.progressive(4000, 1500, components=3),
        "too_complex",
    ),
    "68 JPEG of 101 scans, restarts": (lambda: restarts(101), "too_complex"),
    "68 arithmetic JPEG": (
        lambda: jpeg.progressive(400, 20, marker=jpeg.ARITHMETIC_PROGRESSIVE),
        "not_an_image",
    ),
    "68 sequential arithmetic JPEG": (
        lambda: jpeg.progressive(400, 1, marker=jpeg.ARITHMETIC),
        "not_an_image",
    ),
    "68 lossless JPEG": (lambda: jpeg.progressive(400, 1, marker=jpeg.LOSSLESS), "not_an_image"),
    **{
        f"70 JPEG of empty {name}": (
            lambda marker=marker: in_jpeg(jpeg.segment(marker) * 4 * MILLION)[:16_000_000],
            "too_complex",
        )
        for name, marker in {"APP5": 0xE5, "comments": 0xFE, "DHT": 0xC4, "DRI": 0xDD}.items()
    },
    "70 JPEG of empty comments between scans": (
        lambda: SMALL_JPEG[:-2] + jpeg.segment(0xFE) * MILLION + jpeg.EOI,
        "too_complex",
    ),
    "70 JPEG of markers alone": (lambda: in_jpeg(b"\xff\x01" * MILLION), "too_complex"),
    "70 JPEG of long DQT": (
        lambda: in_jpeg(jpeg.segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 200),
        "not_an_image",
    ),
    "71 PNG of empty chunks": (lambda: in_png(chunk(b"abCd", b"") * MILLION), "too_complex"),
    "71 PNG of empty IDAT": (lambda: in_png(chunk(b"IDAT", b"") * MILLION), "too_complex"),
    "71 PNG of texts that unpack a little": (
        lambda: in_png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10_000), 9)) * 1000),
        "not_an_image",
    ),
    "71 PNG of an international text that unpacks": (
        lambda: in_png(chunk(b"iTXt", b"a\0\1\0\0\0" + png.zeros(200 * MILLION))),
        "not_an_image",
    ),
    "71 text that unpacks": (text_bomb, "not_an_image"),
    "71 WebP of empty chunks": (lambda: webp_chunks(MILLION), "too_complex"),
    "71 WebP of empty frames": (lambda: webp_frames(600_000), "too_complex"),
    "72 PNG of 28x28 that inflates to 300 MB": (
        lambda: png.png(png.header(28, 28), png.zeros(300 * MILLION)),
        "not_an_image",
    ),
    "72 interlaced": (
        lambda: png.png(png.header(28, 28, interlaced=1), png.zeros(30 * MILLION)),
        "not_an_image",
    ),
    "72 a row more": (lambda: png.png(png.header(28, 28), png.zeros(29 * 29)), "not_an_image"),
    "72 16 MB of empty blocks": (
        lambda: png.png(png.header(28, 28), empty_blocks(15)),
        "not_an_image",
    ),
    "73 PNG of 16 bits, 25 megapixels": (
        lambda: png.blank(5000, 5000, 16, png.COLOUR_ALPHA),
        "too_many_pixels",
    ),
    "73 progressive JPEG without an end": (
        lambda: jpeg.progressive(7000, 10)[:-2],
        "not_an_image",
    ),
    "73 BMP that is shorter than its pixels": (
        lambda: encoded(Image.fromarray(np.zeros((5000, 5000), np.uint8)), "BMP")[:2000],
        "not_an_image",
    ),
}
