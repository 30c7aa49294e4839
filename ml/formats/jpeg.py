"""JPEG: a walk over the marker segments, then Pillow's decoder on what it needs of them.

Pillow's libjpeg says nothing on standard error, where OpenCV's writes of damaged pixels between
the lines of the log; their pixels are the same. But Pillow reads headers in Python, a segment at a
time, so it is given no segment that does not matter to the pixels.
"""

import io
import re
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from . import exif
from .base import MAX_JPEG_PIXELS, Header, check_size, damaged, too_complex

MAGIC = re.compile(rb"\xff\xd8\xff")
MAX_SEGMENTS = 1000  # a file of 16 MB has 250 if all are as long as they can be
MAX_SCANS = 100  # ordinary encoders write 10, those that search for the smallest file up to 20
# Empty scans in a small file cost the decoder 1 ns a sample all the same: a second for this many.
# A photo of 50 megapixels, unreduced colour, in 10 scans has 700 million.
MAX_SCANNED_SAMPLES = 1_000_000_000
MAX_QUANTIZATION_BYTES = 4 * 129  # of a segment: four tables of 16 bits
INSTEAD = "an ordinary JPEG, for example with a photo editor or as a screenshot"

START_OF_SCAN, END_OF_IMAGE, START_OF_IMAGE, QUANTIZATION = 0xDA, 0xD9, 0xD8, 0xDB
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
ALONE = {0x01, START_OF_IMAGE, END_OF_IMAGE}  # markers without a length
JFIF, EXIF, ADOBE = (0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0"), (0xEE, b"Adobe")
# In entropy-coded data FF00 is a byte of 255 and FFD0 to FFD7 let the decoder find its place again;
# any number of FF may come before a marker.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Segment(NamedTuple):
    marker: int
    content: bytes
    start: int  # of its marker in the file
    end: int


class Frame(NamedTuple):
    """What the frame header (SOF) says."""

    is_progressive: bool
    width: int
    height: int
    components: int
    samples: dict[int, int]  # by component: how many a scan of it decodes


def scan(upload: bytes) -> Header:
    """Raises InvalidImage: `not_an_image`, `too_complex`, and for its size."""
    frame, scanned, orientation = None, [], 1
    for segment in _segments(upload):
        if segment.marker in (BASELINE, EXTENDED, PROGRESSIVE):
            if frame:
                raise damaged()
            frame = _read_frame(segment)
        elif segment.marker == START_OF_SCAN:
            scanned.append(_samples_of_scan(frame, segment.content))
            if _is_only_scan(frame, segment.content):
                break
            if len(scanned) > MAX_SCANS or sum(scanned) > MAX_SCANNED_SAMPLES:
                raise too_complex("The JPEG is built up in too many scans.", INSTEAD)
        elif segment.marker == EXIF[0] and orientation == 1:
            if segment.content.startswith(EXIF[1]):
                orientation = exif.orientation(segment.content)
        else:
            _refuse_odd(segment)
    if not scanned:
        raise damaged()
    return Header("JPEG", frame.width, frame.height, has_alpha=False, orientation=orientation)


def _segments(upload: bytes) -> Iterator[Segment]:
    """The segments in the order of the file, without entropy-coded data, up to the end of image.

    Raises InvalidImage where one is cut short or there are too many.
    """
    end = 2
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(upload, end)
        if not found:  # the decoder would find out after it has decoded all there is
            raise damaged()
        start, marker = found.start(), upload[found.start() + 1]
        if marker == END_OF_IMAGE:
            return
        content = b""
        end = start + 2
        if marker not in ALONE:
            length = int.from_bytes(upload[end : end + 2], "big")
            content = upload[end + 2 : end + length]
            if length < 2 or len(content) != length - 2:
                raise damaged()
            end += length
        yield Segment(marker, content, start, end)
    raise too_complex("The JPEG has too many segments.", INSTEAD)


def _read_frame(segment: Segment) -> Frame:
    content = segment.content
    if len(content) < 6 or len(content) != 6 + 3 * content[5] or content[5] not in (1, 3, 4):
        raise damaged()
    if content[0] != 8:
        raise damaged(f"Expected 8 bits a sample, found {content[0]}. Save it again as {INSTEAD}.")
    height, width = (int.from_bytes(content[at : at + 2], "big") for at in (1, 3))
    check_size("JPEG", width, height, MAX_JPEG_PIXELS)
    factors = [(each >> 4, each & 15) for each in content[7::3]]
    if not all(1 <= across <= 4 and 1 <= down <= 4 for across, down in factors):
        raise damaged()
    most_across, most_down = (max(each) for each in zip(*factors, strict=True))
    samples = {}
    for component, (across, down) in zip(content[6::3], factors, strict=True):
        share = width * height * across * down // (most_across * most_down)
        samples[component] = max(share, samples.get(component, 0))  # some have one name for all
    return Frame(segment.marker == PROGRESSIVE, width, height, content[5], samples)


def _samples_of_scan(frame: Frame | None, content: bytes) -> int:
    """How many samples a scan touches, even if it holds no bit for most of them."""
    components = content[1 : 1 + 2 * content[0] : 2] if content else b""
    if not frame or not components or not frame.samples.keys() >= set(components):
        raise damaged()
    return sum(frame.samples[each] for each in components)


def _is_only_scan(frame: Frame, content: bytes) -> bool:
    """Whether it holds the whole picture: libjpeg does not accept another one."""
    return not frame.is_progressive and content[0] == frame.components


def _refuse_odd(segment: Segment) -> None:
    if segment.marker in OTHER_FRAMES:
        detail = f"This kind of JPEG (SOF{segment.marker - 0xC0}) is not supported. "
        raise damaged(f"{detail}Save the picture again as {INSTEAD}.")
    if segment.marker == START_OF_IMAGE:
        raise damaged()
    if segment.marker == QUANTIZATION and len(segment.content) > MAX_QUANTIZATION_BYTES:
        raise damaged()


def pixels(upload: bytes, header: Header, side: int) -> np.ndarray:
    """Decode, at 1/2, 1/4 or 1/8 of the sides where enough is left: at a fraction of the time."""
    file = _without_metadata(upload)
    try:
        with Image.open(io.BytesIO(file), formats=["JPEG"]) as picture:
            picture.decodermaxblock = len(file)  # in pieces, fill bytes would be read many times
            factor = _reduction(header, side)
            picture.draft(None, (max(1, header.width // factor), max(1, header.height // factor)))
            if picture.mode == "L":
                return np.asarray(picture)
            in_colour = picture if picture.mode == "RGB" else picture.convert("RGB")
            return cv2.cvtColor(np.asarray(in_colour), cv2.COLOR_RGB2BGR)
    except Exception as error:  # Pillow's parsers raise what they please on a broken file
        raise damaged() from error


def _reduction(header: Header, side: int) -> int:
    longer = max(header.width, header.height)
    return next((factor for factor in (8, 4, 2) if longer >= factor * side), 1)


def _without_metadata(upload: bytes) -> bytes:
    """The same picture without comments, EXIF, colour profiles, previews and other pictures."""
    kept = [upload[:2]]
    for segment in _segments(upload):
        application = 0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE
        says_colours = any(
            segment.marker == marker and segment.content.startswith(name)
            for marker, name in (JFIF, ADOBE)
        )
        if segment.marker == START_OF_SCAN:
            return b"".join([*kept, memoryview(upload)[segment.start :]])
        if not application or says_colours:
            kept.append(upload[segment.start : segment.end])
    raise damaged()
