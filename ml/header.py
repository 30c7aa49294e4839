"""The first look at an upload: its header, before anything is decoded."""

import io
import struct
import warnings
import zlib
from typing import NamedTuple

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_JPEG_PIXELS = 50_000_000  # decoded reduced, so that the photo of a 48-megapixel phone passes
MAX_PIXELS = 25_000_000
MIN_SIDE = 4
MAX_ASPECT_RATIO = 20
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
GREY, COLOURS = (bytes([8, channels, 0, 0, 0]) for channels in (0, 2))  # 8 bits, not interlaced
MAX_PLAIN_SIDE = 4096  # pixels; Pillow judges what is larger


class InvalidImage(ValueError):
    """An upload in which there is no digit to read; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self):
        return type(self), (self.code, self.detail)  # so that it can come from another process


class Header(NamedTuple):
    """What the first bytes say of a picture: format (one of FORMATS), sides in pixels, alpha."""

    format: str
    width: int
    height: int
    has_alpha: bool
    orientation: int  # EXIF, 1-8; 1 is upright


def inspect(upload: bytes) -> Header:
    """Read the header of a picture; decode nothing.

    Raises InvalidImage: `empty`, `not_an_image`, `too_many_pixels`, `too_small`, `too_narrow`.
    """
    if not upload:
        raise InvalidImage("empty", "The file is empty.")
    header = _read_plain(upload) or _read(upload)
    _check_size(header)
    return header


def _read_plain(upload: bytes) -> Header | None:
    """What Pillow says of a PNG that is grey or in colour and has nothing before its pixels, in a
    sixth of its time; None for every other file.
    """
    if not upload.startswith(PNG) or upload[37:41] != b"IDAT":
        return None
    if upload[24:29] not in (GREY, COLOURS):
        return None
    width, height, checksum = struct.unpack_from(">II5xI", upload, 16)
    whole = zlib.crc32(upload[12:29]) == checksum
    if not (whole and 0 < width <= MAX_PLAIN_SIDE and 0 < height <= MAX_PLAIN_SIDE):
        return None
    return Header("PNG", width, height, has_alpha=False, orientation=1)


def _read(upload: bytes) -> Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files; our limits are below
            with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
                return Header(
                    "JPEG" if picture.format == "MPO" else picture.format,  # phones' JPEG
                    picture.width,
                    picture.height,
                    "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"),
                    _orientation(picture),
                )
    except Image.DecompressionBombError as error:
        raise InvalidImage("too_many_pixels", "The picture has too many pixels.") from error
    except Exception as error:  # Pillow's parsers raise what they please on a broken file
        raise InvalidImage(
            "not_an_image", f"Expected a picture, one of {', '.join(FORMATS)}."
        ) from error


def _orientation(picture: Image.Image) -> int:
    if "exif" not in picture.info:
        return 1
    return picture.getexif().get(0x0112, 1)


def _check_size(header: Header) -> None:
    pixels = header.width * header.height
    limit = MAX_JPEG_PIXELS if header.format == "JPEG" else MAX_PIXELS
    if pixels > limit:
        raise InvalidImage(
            "too_many_pixels",
            f"Expected at most {limit} pixels in a {header.format}, "
            f"found {header.width}x{header.height}.",
        )
    short, long = sorted((header.width, header.height))
    if short < MIN_SIDE:
        raise InvalidImage(
            "too_small",
            f"Expected sides of at least {MIN_SIDE} pixels, found {header.width}x{header.height}.",
        )
    if long > short * MAX_ASPECT_RATIO:
        raise InvalidImage(
            "too_narrow",
            f"Expected sides of at most {MAX_ASPECT_RATIO} to 1, "
            f"found {header.width}x{header.height}.",
        )
