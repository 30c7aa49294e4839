"""WebP: a walk over the chunks, then libwebp on the first picture of the file alone."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from . import exif
from .base import Header, check_size, damaged, too_complex
from .opencv import imdecode

MAGIC = re.compile(rb"RIFF.{4}WEBP", re.DOTALL)
MAX_CHUNKS = 10_000  # an animation has one for each of its frames
INSTEAD = "an ordinary PNG or JPEG"
LOSSY, LOSSLESS = b"VP8 ", b"VP8L"
LOSSY_START, LOSSLESS_START = b"\x9d\x01\x2a", b"\x2f"
ALPHA, ANIMATION = 0x10, 0x02  # flags of VP8X

Chunk = tuple[bytes, memoryview]


class Picture(NamedTuple):
    """A bitstream with its opacity, if that is a chunk of its own, and its place on the canvas."""

    kind: bytes
    bitstream: memoryview
    opacity: memoryview | None = None
    left: int = 0
    top: int = 0

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height. Raises InvalidImage."""
        if self.kind == LOSSY and self.bitstream[3:6] == LOSSY_START and len(self.bitstream) > 9:
            return _number(self.bitstream[6:8]) & 0x3FFF, _number(self.bitstream[8:10]) & 0x3FFF
        if self.kind == LOSSLESS and self.bitstream[:1] == LOSSLESS_START:
            bits = _number(self.bitstream[1:5])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        raise damaged()

    @property
    def has_alpha(self) -> bool:
        if self.kind == LOSSLESS:
            return bool(_number(self.bitstream[1:5]) >> 28 & 1)
        return self.opacity is not None


def scan(upload: bytes) -> Header:
    """Raises InvalidImage: `not_an_image`, `too_complex`, and for its size."""
    first, canvas, orientation = _read(upload)
    check_size("WEBP", *canvas)
    width, height = first.sides
    if first.left + width > canvas[0] or first.top + height > canvas[1]:
        raise damaged()
    return Header("WEBP", *canvas, first.has_alpha or first.sides != canvas, orientation)


def _read(upload: bytes) -> tuple[Picture, tuple[int, int], int]:
    """The first picture, the sides of the canvas, and the orientation. Raises InvalidImage."""
    view = memoryview(upload)
    chunks = list(islice(_chunks(view[12 : 8 + _number(view[4:8])]), MAX_CHUNKS + 1))
    if len(chunks) > MAX_CHUNKS:
        raise too_complex(f"The WebP has more than {MAX_CHUNKS} chunks.", INSTEAD)
    kind, content = chunks[0] if chunks else (b"", view[:0])
    if kind != b"VP8X":
        first = _picture(chunks[:1])
        return first, first.sides, 1
    exifs = (bytes(content) for kind, content in chunks if kind == b"EXIF")
    orientation = exif.orientation(next(exifs, b""))
    first = _first_frame(chunks) if content[:1] and content[0] & ANIMATION else _picture(chunks)
    return first, (_number(content[4:7]) + 1, _number(content[7:10]) + 1), orientation


def _chunks(view: memoryview) -> Iterator[Chunk]:
    """Kind and content of each. Raises InvalidImage where one is cut short."""
    start = 0
    while start < len(view) - 1:  # a byte may fill up what is odd
        end = start + 8 + _number(view[start + 4 : start + 8])
        if end > len(view):
            raise damaged()
        yield bytes(view[start : start + 4]), view[start + 8 : end]
        start = end + end % 2


def _picture(chunks: list[Chunk], left: int = 0, top: int = 0) -> Picture:
    opacity = None
    for kind, content in chunks:
        if kind in (LOSSY, LOSSLESS):
            return Picture(kind, content, opacity, left, top)
        if kind == b"ALPH" and opacity is None:
            opacity = content
    raise damaged()


def _first_frame(chunks: list[Chunk]) -> Picture:
    for kind, content in chunks:
        if kind == b"ANMF":
            left, top = 2 * _number(content[0:3]), 2 * _number(content[3:6])
            return _picture(list(islice(_chunks(content[16:]), MAX_CHUNKS)), left, top)
    raise damaged()


def _number(content: memoryview) -> int:
    return int.from_bytes(content, "little")


def pixels(upload: bytes, header: Header, side: int) -> np.ndarray:
    """Decode the first picture at full size; what it leaves of the canvas is transparent."""
    first, (width, height), _ = _read(upload)
    shown = imdecode(_file(first), header.has_alpha)
    if shown.shape[:2] == (height, width):
        return shown
    if shown.shape[2] == 3:
        shown = cv2.cvtColor(shown, cv2.COLOR_BGR2BGRA)
    canvas = np.zeros((height, width, 4), np.uint8)
    rows, columns = shown.shape[:2]
    canvas[first.top : first.top + rows, first.left : first.left + columns] = shown
    return canvas


def _file(picture: Picture) -> bytes:
    """A WebP file of one picture."""
    parts = list(_chunk(picture.kind, picture.bitstream))
    if picture.kind == LOSSY and picture.opacity is not None:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in picture.sides)
        extended = _chunk(b"VP8X", bytes([ALPHA, 0, 0, 0]) + sides)
        parts = [*extended, *_chunk(b"ALPH", picture.opacity), *parts]
    body = b"".join([b"WEBP", *parts])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunk(kind: bytes, content: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    return kind, len(content).to_bytes(4, "little"), content, bytes(len(content) % 2)
