import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.decode import decode
from ml.header import InvalidImage, inspect

from . import jpeg_files as jpeg
from .ordinary_files import colours, exif, mpo, pillow

GOOD = pillow("JPEG")


def read(upload: bytes) -> np.ndarray:
    return decode(upload, inspect(upload))


def large(**options) -> bytes:
    pixels = cv2.resize(colours()[..., :3], (1601, 1203), interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}


@pytest.mark.parametrize("factor", REDUCED)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_photo_is_decoded_reduced_as_by_opencv(factor, progressive):
    upload = large(progressive=progressive)
    found = decode(upload, inspect(upload), side=1601 // factor)
    flags = REDUCED[factor] | cv2.IMREAD_ANYCOLOR
    expected = cv2.imdecode(np.frombuffer(upload, np.uint8), flags)
    assert found.shape == (-(-1203 // factor), -(-1601 // factor), 3)
    assert np.array_equal(found, expected)


def test_pillow_sees_no_metadata(monkeypatch):
    seen = []
    inner = Image.open
    monkeypatch.setattr(
        Image,
        "open",
        lambda file, **options: seen.append(file.getvalue()) or inner(file, **options),
    )
    options = {"exif": exif(6), "icc_profile": bytes(70_000), "comment": b"x", "xmp": b"<x/>"}
    read(pillow("JPEG", **options))
    assert seen == [GOOD]
    read(mpo())
    assert b"MPF" not in seen[1]


@pytest.mark.parametrize("place", range(400, len(GOOD) - 50, 150))
def test_damaged_pixels_are_read_and_nothing_is_said_of_them(place, capfd):
    """libjpeg fills up what it cannot read. OpenCV's would write to standard error."""
    upload = bytearray(pillow("JPEG", quality=95))
    upload[place + 300 : place + 303] = b"\x55\xff\xd3"
    try:
        read(bytes(upload))
    except InvalidImage as refusal:
        assert refusal.code == "not_an_image"  # noqa: PT017
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("lost", [1, 2, 3, 50])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_photo_without_its_end_is_refused(lost, progressive):
    with pytest.raises(InvalidImage, match="damaged"):
        read(pillow("JPEG", progressive=progressive)[:-lost])


def frame(sampling=(0x11,), marker=jpeg.BASELINE, size=(8, 8)) -> bytes:
    return jpeg.frame(marker, *size, sampling)


def built(*parts: bytes) -> bytes:
    return b"".join([jpeg.SOI, jpeg.tables(), *parts, jpeg.EOI])


SCAN = jpeg.scan([1], (0, 63), 0, b"\0")
DAMAGED = {
    "no frame": built(SCAN),
    "no scan": built(frame()),
    "two frames": built(frame(), frame(), SCAN),
    "unknown component": built(frame(), jpeg.scan([2], (0, 63), 0, b"\0")),
    "scan of nothing": built(frame(), jpeg.scan([], (0, 63), 0, b"\0")),
    "two components": built(frame([0x11, 0x11]), SCAN),
    "five components": built(frame([0x11] * 5), SCAN),
    "sampling of 5": built(frame([0x51]), SCAN),
    "sampling of 0": built(frame([0x01]), SCAN),
    "no pixels": built(frame(size=(0, 8)), SCAN),
    "a frame that is cut": jpeg.SOI + jpeg.segment(0xC0, b"\x08\0\x08\0"),
    "a length of 1": jpeg.SOI + b"\xff\xe0\0\1" + built(frame(), SCAN)[2:],
    "a length beyond the end": jpeg.SOI + b"\xff\xe0\xff\xff" + built(frame(), SCAN)[2:],
    "a second start": built(jpeg.SOI, frame(), SCAN),
    "12 bits": built(frame().replace(b"\x0b\x08", b"\x0b\x0c"), SCAN),
    "hierarchical": built(jpeg.frame(0xC5, 8, 8), SCAN),
}


def test_components_may_all_have_one_name():
    """Against the standard, but there are such files, and libjpeg reads them."""
    upload = bytearray(GOOD)
    frame_start, scan_start = upload.index(b"\xff\xc0"), upload.index(b"\xff\xda")
    upload[frame_start + 10 : frame_start + 19 : 3] = b"\1\1\1"
    upload[scan_start + 5 : scan_start + 11 : 2] = b"\1\1\1"
    assert np.array_equal(read(bytes(upload)), read(GOOD))


def test_what_the_damaged_ones_are_made_of_is_good():
    assert read(built(frame(), SCAN)).shape == (8, 8)


@pytest.mark.parametrize("upload", DAMAGED.values(), ids=DAMAGED)
def test_a_structure_that_jpeg_does_not_know_is_refused(upload):
    with pytest.raises(InvalidImage) as refusal:
        inspect(upload)
    assert refusal.value.code == "not_an_image"


def test_arithmetic_coding_is_refused_by_its_name():
    with pytest.raises(InvalidImage, match=r"SOF9.*Save the picture again as an ordinary JPEG"):
        inspect(built(frame(marker=jpeg.ARITHMETIC), SCAN))


def test_markers_inside_metadata_do_not_count():
    inside = jpeg.segment(0xE5, b"\xff\xda\0\x08" * 1000 + jpeg.EOI)
    assert np.array_equal(read(GOOD[:2] + inside + GOOD[2:]), read(GOOD))
