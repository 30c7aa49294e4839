"""What the formats share: the header of a picture, the reason to refuse it, the limits of size."""

from collections.abc import Callable
from re import Pattern
from typing import NamedTuple

import numpy as np

MAX_JPEG_PIXELS = 50_000_000  # decoded reduced, so that the photo of a 48-megapixel phone passes
MAX_PIXELS = 25_000_000
MIN_SIDE = 4
MAX_ASPECT_RATIO = 20


class InvalidImage(ValueError):
    """An upload in which there is no digit to read; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self):
        return type(self), (self.code, self.detail)  # so that it can come from another process


class Header(NamedTuple):
    """What a file says of its picture: format (one of FORMATS), sides in pixels, alpha."""

    format: str
    width: int
    height: int
    has_alpha: bool
    orientation: int  # EXIF, 1-8; 1 is upright
    structure: object = None  # what `scan` found, for `pixels` of the same format


class Format(NamedTuple):
    """How files of one format are recognised, checked and decoded.

    `scan` looks at the structure alone, in time that grows with the bytes of the file and not with
    what they unpack to. It raises InvalidImage for whatever would be slow or large to decode.
    `pixels` decodes what `scan` let pass, to (h, w), (h, w, 3) or (h, w, 4), blue-green-red and
    opacity, 8 or 16 bits, as stored: not yet upright. It may reduce the picture, but to no less
    than `side` pixels in length. On damage it raises InvalidImage, ValueError or cv2.error.
    """

    magic: Pattern[bytes]
    scan: Callable[[bytes], Header]
    pixels: Callable[[bytes, Header, int], np.ndarray]


def damaged(detail: str = "The picture is damaged.") -> InvalidImage:
    return InvalidImage("not_an_image", detail)


def too_complex(found: str, instead: str) -> InvalidImage:
    """A file that is built in a way no ordinary program does; the detail says what to do."""
    return InvalidImage("too_complex", f"{found} Save the picture again as {instead}.")


def check_size(kind: str, width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Raise InvalidImage: `not_an_image`, `too_many_pixels`, `too_small`, `too_narrow`."""
    if width < 1 or height < 1:
        raise damaged("Expected a picture, found one without pixels.")
    found = f"found {width}x{height}."
    if width * height > max_pixels:
        raise InvalidImage(
            "too_many_pixels", f"Expected at most {max_pixels} pixels in a {kind}, {found}"
        )
    short, long = sorted((width, height))
    if short < MIN_SIDE:
        raise InvalidImage("too_small", f"Expected sides of at least {MIN_SIDE} pixels, {found}")
    if long > short * MAX_ASPECT_RATIO:
        raise InvalidImage(
            "too_narrow", f"Expected sides of at most {MAX_ASPECT_RATIO} to 1, {found}"
        )
