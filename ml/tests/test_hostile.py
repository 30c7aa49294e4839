from pathlib import Path

import cv2
import pytest
from PIL import Image

from classifier.tests.hostile import chunk  # pure bytes; no Django in it
from ml.decode import decode
from ml.formats import jpeg as jpeg_format
from ml.formats import png as png_format
from ml.formats import png_rows, webp
from ml.header import InvalidImage, inspect

from . import jpeg_files as jpeg
from . import png_files as png
from .hostile_files import HOSTILE, in_jpeg, in_png, webp_chunks, webp_frames


@pytest.fixture
def no_decoder(monkeypatch):
    """Whoever calls a library's decoder fails."""

    def fail(*args, **options):
        pytest.fail("A decoder saw the file.")

    monkeypatch.setattr(cv2, "imdecode", fail)
    monkeypatch.setattr(Image, "open", fail)


@pytest.mark.parametrize(("make", "code"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_slow_or_large_is_refused_before_a_decoder_sees_it(make, code, request):
    upload = make()
    assert len(upload) <= 16 * 1024 * 1024
    request.getfixturevalue("no_decoder")
    with pytest.raises(InvalidImage) as refusal:
        decode(upload, inspect(upload))
    assert refusal.value.code == code
    if code == "too_complex":
        assert "Save the picture again as an ordinary" in refusal.value.detail


def many_texts() -> bytes:
    return in_png(chunk(b"tEXt", b"") * (png_format.MAX_CHUNKS - 3))


ALLOWED = {
    "as many scans as may be": lambda: jpeg.progressive(64, jpeg_format.MAX_SCANS),
    "a large picture in ten scans": lambda: jpeg.progressive(7000, 10),
    "a thousand segments": lambda: in_jpeg(jpeg.segment(0xFE) * (jpeg_format.MAX_SEGMENTS - 12)),
    "fill bytes before a marker": lambda: in_jpeg(b"\xff" * 1_000_000),
    "fill bytes in a scan": lambda: jpeg.progressive(64, 5)[:-2] + b"\xff" * 1_000_000 + jpeg.EOI,
    "as many chunks as may be": many_texts,
    "as many WebP chunks as may be": lambda: webp_chunks(webp.MAX_CHUNKS - 2),
    "many WebP frames": lambda: webp_frames(webp.MAX_CHUNKS - 10),
    "a profile of 2 MB": lambda: in_png(chunk(b"iCCP", b"a\0\0" + png.zeros(2_000_000))),
    "as many bytes of pixels as may be": lambda: png.blank(
        4096, png_rows.rows_bytes(png_rows.ImageHeader(4096, 4090, 16, 6, 0, 0, 0)) // 32769, 16, 6
    ),
}


@pytest.mark.parametrize("make", ALLOWED.values(), ids=ALLOWED)
def test_what_is_within_the_limits_is_decoded(make):
    upload = make()
    header = inspect(upload)
    longer = max(decode(upload, header).shape)
    assert longer >= min(192, header.width, header.height)


def test_a_scan_counts_for_the_samples_of_its_components_alone():
    """A third of the picture's colour is not as much work as its brightness."""
    frame = jpeg.frame(jpeg.PROGRESSIVE, 7000, 7000, [0x22, 0x11, 0x11])
    file = jpeg.SOI + jpeg.tables() + frame
    chroma = jpeg.scan([2], (1, 63), 0, b"")
    assert inspect(file + chroma * 80 + jpeg.EOI).width == 7000
    with pytest.raises(InvalidImage, match="scans"):
        inspect(file + chroma * 90)
    with pytest.raises(InvalidImage, match="scans"):
        inspect(file + jpeg.scan([1], (1, 63), 0, b"") * 21)


class Counting:
    """isal's decompressor, and what each call of it gave."""

    def __init__(self, inner):
        self.inner, self.given = inner, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def decompress(self, content, max_length):
        rows = self.inner.decompress(content, max_length)
        self.given.append(len(rows))
        return rows


def test_no_more_is_inflated_than_the_rows_take(monkeypatch):
    upload = png.png(png.header(200, 200), png.zeros(50_000_000))
    counting = Counting(png_rows.isal_zlib.decompressobj())
    monkeypatch.setattr(png_rows.isal_zlib, "decompressobj", lambda: counting)
    with pytest.raises(InvalidImage):
        decode(upload, inspect(upload))
    assert counting.given == [201 * 200 + 1]


LIMITS = {
    "JPEG: scans": f"{jpeg_format.MAX_SCANS}",
    "JPEG: scans times samples in each": f"{jpeg_format.MAX_SCANNED_SAMPLES // 10**6:,} million",
    "JPEG: segments": f"{jpeg_format.MAX_SEGMENTS:,}",
    "PNG: chunks": f"{png_format.MAX_CHUNKS:,}",
    "PNG: bytes of unpacked pixels": f"{png_format.MAX_ROWS_BYTES >> 20} MB",
    "PNG: unpacked texts and colour profiles": f"{png_format.MAX_UNPACKED_BYTES >> 20} MB",
    "WebP: chunks, one for each frame": f"{webp.MAX_CHUNKS:,}",
}


@pytest.mark.parametrize(("what", "limit"), LIMITS.items())
def test_the_limits_are_documented(what, limit):
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    assert f"\n| {what} | {limit}" in page
