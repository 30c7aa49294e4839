"""PNG: a walk over the chunks, then libpng on what was checked.

libpng gets a header, a palette, transparency and inflated rows, all of them in order: what it
complains of would stand between the lines of the log, and OpenCV 5.0.0 crashes on animations that
are cut short.
"""

import contextlib
import re
import struct
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib

from . import exif
from .base import Header, InvalidImage, check_size, damaged, too_complex
from .opencv import imdecode
from .png_rows import (
    COLOUR,
    COLOUR_ALPHA,
    GREY,
    GREY_ALPHA,
    PALETTE,
    ImageHeader,
    inflate_rows,
    read_header,
    rows_bytes,
    stored,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAGIC = re.compile(re.escape(SIGNATURE))
MAX_CHUNKS = 10_000  # 16 MB in pieces of 8 kB, as libpng writes them, are 2,000
MAX_UNPACKED_BYTES = 8 * 1024 * 1024  # of all compressed texts and colour profiles together,
MAX_PACKED_BYTES = 1024 * 1024  # as far as this many bytes of them tell
# Rows are in memory twice. Only 16 bits in colour come so far, with more than 16 megapixels.
MAX_ROWS_BYTES = 128 * 1024 * 1024
INSTEAD = "an ordinary PNG or JPEG"

LENGTH_AND_KIND, CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
FRAME_BYTES = 12  # of a chunk, beside its content: length, kind and checksum
HEADER_END = len(SIGNATURE) + FRAME_BYTES + 13
END = b"\0\0\0\0IEND\xaeB`\x82"
BEFORE_PIXELS = {b"PLTE", b"tRNS", b"eXIf"}  # once each
COMPRESSED = {  # what stands before compressed content: names, and for iTXt whether it is
    b"zTXt": re.compile(rb"[^\0]{0,79}\0\0"),
    b"iCCP": re.compile(rb"[^\0]{0,79}\0\0"),
    b"iTXt": re.compile(rb"[^\0]{0,79}\0\x01\0[^\0]{0,999}\0[^\0]{0,999}\0"),
}


Chunks = dict[bytes, list[memoryview]]


def scan(upload: bytes) -> Header:
    """Raises InvalidImage: `not_an_image`, `too_complex`, and for its size."""
    ihdr, chunks = _read(upload)
    _refuse_bombs(chunks)
    has_alpha = ihdr.colour in (GREY_ALPHA, COLOUR_ALPHA) or bool(_transparency(ihdr, chunks))
    exifs = chunks.get(b"eXIf")
    orientation = exif.orientation(bytes(exifs[0])) if exifs else 1
    return Header("PNG", ihdr.width, ihdr.height, has_alpha, orientation, (ihdr, chunks))


def _read(upload: bytes) -> tuple[ImageHeader, Chunks]:
    """The header and the contents of the chunks by kind."""
    ihdr, found = None, {}
    for kind, content in _chunks(memoryview(upload)):
        if ihdr is None or kind == b"IHDR":
            if ihdr or kind != b"IHDR":
                raise damaged()
            ihdr = read_header(content)
        elif kind == b"IDAT" and kind not in found:
            _check_size(ihdr)
        elif kind in BEFORE_PIXELS and (kind in found or b"IDAT" in found):
            continue
        found.setdefault(kind, []).append(content)
    if b"IDAT" not in found:
        raise damaged()
    return ihdr, found


def _chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each chunk up to the end."""
    start = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if start + FRAME_BYTES > len(view):
            raise damaged()
        length, kind = LENGTH_AND_KIND.unpack_from(view, start)
        end = start + FRAME_BYTES + length
        if view[end - 4 : end] != CHECKSUM.pack(isal_zlib.crc32(view[start + 4 : end - 4])):
            raise damaged()
        yield kind, view[start + 8 : end - 4]
        if kind == b"IEND":
            return
        start = end
    raise too_complex(f"The PNG has more than {MAX_CHUNKS} chunks.", INSTEAD)


def _check_size(ihdr: ImageHeader) -> None:
    check_size("PNG", ihdr.width, ihdr.height)
    size = rows_bytes(ihdr)
    if size > MAX_ROWS_BYTES:
        raise InvalidImage(
            "too_many_pixels",
            f"Expected at most {MAX_ROWS_BYTES} bytes of pixels in a PNG, found {size}. "
            "Save the picture again with 8 bits a colour.",
        )


def _refuse_bombs(chunks: Chunks) -> None:
    """Refuse texts and profiles that unpack to megabytes, though nobody reads them here."""
    packed = unpacked = 0
    for content in _compressed(chunks):
        inflate = isal_zlib.decompressobj()
        start = content[: MAX_PACKED_BYTES - packed]
        packed += len(start)
        with contextlib.suppress(isal_zlib.error):  # damaged, and left out
            unpacked += len(inflate.decompress(start, MAX_UNPACKED_BYTES - unpacked + 1))
        if unpacked > MAX_UNPACKED_BYTES:
            raise damaged(
                f"Expected at most {MAX_UNPACKED_BYTES} bytes of compressed text and colour "
                f"profiles in a PNG, found more. Save the picture again as {INSTEAD}."
            )


def _compressed(chunks: Chunks) -> Iterator[memoryview]:
    """What is compressed in texts and colour profiles."""
    for kind, names in COMPRESSED.items():
        for content in chunks.get(kind, ()):
            if found := names.match(content):
                yield content[found.end() :]


def _palette(ihdr: ImageHeader, chunks: Chunks) -> bytes:
    """As many entries as pixels can name; those that the file lacks are black."""
    palette = bytes(chunks.get(b"PLTE", [b""])[0])
    if not palette or len(palette) % 3 or len(palette) > 3 * 256:
        raise damaged()
    size = 3 << ihdr.depth
    return palette[:size].ljust(size, b"\0")


def _transparency(ihdr: ImageHeader, chunks: Chunks) -> bytes:
    """Which colours are transparent; empty if none, or if it does not fit the kind of picture."""
    content = bytes(chunks.get(b"tRNS", [b""])[0])
    if ihdr.colour == PALETTE:
        return content if len(content) <= 1 << ihdr.depth else b""
    if len(content) != {GREY: 2, COLOUR: 6}.get(ihdr.colour):
        return b""
    samples = struct.unpack(f">{len(content) // 2}H", content)
    return b"".join((each & (1 << ihdr.depth) - 1).to_bytes(2, "big") for each in samples)


def pixels(upload: bytes, header: Header, side: int) -> np.ndarray:
    """Decode at full size."""
    return imdecode(_plain(upload, *header.structure), header.has_alpha)


def _plain(upload: bytes, ihdr: ImageHeader, chunks: Chunks) -> bytes:
    """The same picture with nothing that libpng could find wrong, its rows inflated."""
    parts = [upload[:HEADER_END]]
    if ihdr.colour == PALETTE:
        parts += _chunk(b"PLTE", _palette(ihdr, chunks))
    if transparency := _transparency(ihdr, chunks):
        parts += _chunk(b"tRNS", transparency)
    parts += _chunk(b"IDAT", *stored(inflate_rows(ihdr, chunks[b"IDAT"])))
    return b"".join([*parts, END])


def _chunk(kind: bytes, *content: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    checksum = isal_zlib.crc32(kind)
    for piece in content:
        checksum = isal_zlib.crc32(piece, checksum)
    length = sum(map(len, content))
    return LENGTH_AND_KIND.pack(length, kind), *content, CHECKSUM.pack(checksum)
