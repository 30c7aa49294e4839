"""The largest pictures that are accepted take at most 16 bytes a pixel and 100 MB."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.tests.hostile import encoded  # pure bytes; no Django in it

from . import jpeg_files as jpeg
from . import png_files as png

BYTES_A_PIXEL, MEGABYTES = 16, 100
MEASURE = """
import resource, sys
from ml.header import inspect
from ml.preprocess import attempt
for sample in sys.argv[2:]:
    attempt(open(sample, "rb").read())
upload = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
header = inspect(upload)
result = attempt(upload)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(header.width * header.height, grown, getattr(result, "code", "read"))
"""


def webp(mode: str, **options) -> bytes:
    return encoded(Image.new(mode, (5000, 5000), (9, 9, 9, 77)[: len(mode)]), "WEBP", **options)


def bmp_of_two_colours() -> bytes:
    return encoded(Image.fromarray(np.eye(5000, dtype=bool)), "BMP")


LARGEST = {
    "PNG grey": lambda: png.blank(5000, 5000),
    "PNG with alpha": lambda: png.blank(5000, 5000, 8, png.COLOUR_ALPHA),
    "PNG with alpha, interlaced": lambda: png.blank(5000, 5000, 8, png.COLOUR_ALPHA, 1),
    "PNG of 16 bits, grey with alpha": lambda: png.blank(5000, 5000, 16, png.GREY_ALPHA),
    "PNG of 16 bits with alpha": lambda: png.blank(4095, 4095, 16, png.COLOUR_ALPHA),
    "PNG of 16 bits with alpha, interlaced": lambda: png.blank(4095, 4095, 16, png.COLOUR_ALPHA, 1),
    "WebP lossless with alpha": lambda: webp("RGBA", lossless=True, method=0),
    "WebP lossy": lambda: webp("RGB", method=0),
    "BMP of 1 bit": bmp_of_two_colours,
    "JPEG of ten scans": lambda: jpeg.progressive(7000, 10),
    "JPEG of ten scans, three components": lambda: jpeg.progressive(7000, 6, components=3),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", LARGEST.values(), ids=LARGEST)
def test_the_largest_pictures_take_little_memory(make, tmp_path, sample):
    largest, warm = tmp_path / "largest", tmp_path / "warm"
    largest.write_bytes(make())
    warm.write_bytes(sample("5_transparent.png"))
    photo = tmp_path / "photo"
    photo.write_bytes(sample("3_phone.jpg"))
    command = [sys.executable, "-c", MEASURE, largest, warm, photo]
    root = Path(__file__).parents[2]
    pixels, kilobytes, code = subprocess.check_output(command, text=True, cwd=root).split()
    assert code in ("read", "blank")
    assert int(kilobytes) * 1024 < BYTES_A_PIXEL * int(pixels) + MEGABYTES * 1_000_000
