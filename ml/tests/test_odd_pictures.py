"""Odd but valid pictures of one digit are all read as that digit (rows 43 to 55 of the list)."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

# The table ODD also goes over the wire: classifier/tests/test_uploads.py.
SIDE = 280  # pixels of the drawing that the others are made from


@pytest.fixture(scope="session", params=[2, 3, 5, 7])
def drawing(request):
    """A digit, and its drawing: (SIDE, SIDE) uint8, black on white, from the paint program."""
    return request.param, drawing_of(request.param)


def drawing_of(digit: int) -> np.ndarray:
    from conftest import DIGITS

    return np.array(Image.open(DIGITS / f"{digit}_paint.png").convert("L"))


def encoded(picture: np.ndarray | Image.Image, format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(file, format, **options)
    return file.getvalue()


def turned(drawing: np.ndarray, orientation: int) -> bytes:
    """A JPEG stored turned, with the EXIF orientation that undoes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {3: 180, 6: 90, 8: 270}[orientation]
    return encoded(Image.fromarray(drawing).rotate(undo, expand=True), "JPEG", exif=exif)


def transparent(drawing: np.ndarray, mode: str, ink: int = 0) -> bytes:
    """Ink of one shade whose opacity is the drawing."""
    picture = Image.new("L", drawing.shape[::-1], ink).convert(mode[:-1])
    picture.putalpha(ImageOps.invert(Image.fromarray(drawing)))
    return encoded(picture)


def coloured(drawing: np.ndarray, ink: tuple, paper: tuple) -> np.ndarray:
    share = drawing[..., np.newaxis] / 255
    return (share * paper + (1 - share) * ink).astype(np.uint8)


def placed(drawing: np.ndarray, size: tuple, left: int, top: int, side: int) -> np.ndarray:
    """The drawing at another size on a larger sheet."""
    sheet = np.full(size[::-1], 255, np.uint8)
    small = cv2.resize(drawing, (side, side), interpolation=cv2.INTER_AREA)
    sheet[top : top + side, left : left + side] = small
    return sheet


def touching(drawing: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect((drawing < 128).astype(np.uint8))
    return drawing[top : top + height, left : left + width]


def pen(drawing: np.ndarray, size: int) -> np.ndarray:
    """Strokes wider by `size` pixels, or narrower by a negative one."""
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(size) + 1, abs(size) + 1))
    return cv2.erode(drawing, brush) if size > 0 else cv2.dilate(drawing, brush)


def lit(drawing: np.ndarray) -> np.ndarray:
    """Light that falls from 40 % to 100 % across the sheet, and round the lamp."""
    y, x = np.mgrid[0:1:280j, 0:1:280j]
    light = 0.4 + 0.5 * x + 0.1 * np.exp(-((x - 0.5) ** 2 + y**2) * 4)
    return (np.maximum(drawing, 40) * light).clip(0, 255).astype(np.uint8)


def interlaced(drawing: np.ndarray) -> bytes:
    """A PNG in the seven passes of Adam7, which Pillow cannot write."""
    import struct
    import zlib

    from classifier.tests.hostile import MAGIC, chunk  # pure bytes; no Django in it

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = [
        b"\0" + row.tobytes()
        for top, left, down, across in [*passes, (1, 0, 2, 1)]
        for row in drawing[top::down, left::across]
    ]
    header = struct.pack(">IIBBBBB", *drawing.shape[::-1], 8, 0, 0, 0, 1)
    pixels = zlib.compress(b"".join(rows))
    return MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


ODD = {
    "43 animated PNG": lambda d: encoded(
        Image.fromarray(d), save_all=True, append_images=[Image.new("L", d.shape, 255)]
    ),
    "43 multi-frame WebP": lambda d: encoded(
        Image.fromarray(d), "WEBP", save_all=True, append_images=[Image.new("L", d.shape, 255)]
    ),
    "43 MPO": lambda d: encoded(
        Image.fromarray(d), "MPO", save_all=True, append_images=[Image.new("L", d.shape, 255)]
    ),
    "44 polyglot": lambda d: encoded(d) + b"<script>alert(1)</script>",
    "46 much EXIF": lambda d: encoded(d, "JPEG", comment=b"x" * 60_000),
    "49 LA": lambda d: transparent(d, "LA"),
    "49 RGBA": lambda d: transparent(d, "RGBA"),
    "49 white on transparent": lambda d: transparent(d, "RGBA", ink=255),
    "50 white on black": lambda d: encoded(255 - d),
    "50 red on yellow": lambda d: encoded(coloured(d, (200, 30, 30), (240, 210, 60))),
    "50 white on slate": lambda d: encoded(coloured(d, (235, 235, 230), (60, 70, 75))),
    "50 low contrast": lambda d: encoded((200 + d / 255 * 30).astype(np.uint8)),
    "51 turned 180": lambda d: turned(d, 3),
    "51 turned right": lambda d: turned(d, 6),
    "51 turned left": lambda d: turned(d, 8),
    "52 16 bits": lambda d: encoded(d.astype(np.uint16) * 257),
    "52 1 bit": lambda d: encoded(Image.fromarray(d).convert("1")),
    "52 palette": lambda d: encoded(Image.fromarray(d).convert("RGB").quantize(8)),
    "52 CMYK": lambda d: encoded(Image.fromarray(d).convert("CMYK"), "JPEG"),
    "53 8x8": lambda d: encoded(cv2.resize(d, (8, 8), interpolation=cv2.INTER_AREA)),
    "53 4000x3000": lambda d: encoded(placed(d, (4000, 3000), 600, 300, 2400)),
    "54 in a corner": lambda d: encoded(placed(d, (800, 600), 10, 330, 260)),
    "54 tiny": lambda d: encoded(placed(d, (800, 600), 400, 300, 70)),
    "54 touching the border": lambda d: encoded(touching(d)),
    "54 thin": lambda d: encoded(pen(d, -10)),
    "54 thick": lambda d: encoded(pen(d, 12)),
    "54 uneven light": lambda d: encoded(lit(d)),
    "55 interlaced PNG": interlaced,
    "55 progressive JPEG": lambda d: encoded(d, "JPEG", progressive=True),
    "55 JPEG of quality 10": lambda d: encoded(d, "JPEG", quality=10),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_picture_is_read_as_the_plain_one(predictor, drawing, make):
    digit, pixels = drawing
    assert predictor.read(make(pixels)).digit == digit
