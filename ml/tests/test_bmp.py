import struct

import cv2
import numpy as np
import pytest

from ml.decode import decode
from ml.header import InvalidImage, inspect

from .ordinary_files import colours, opencv, pillow


def read(upload: bytes) -> np.ndarray:
    return decode(upload, inspect(upload))


def rle8(width: int, height: int, rows: bytes) -> bytes:
    """A BMP of 256 greys whose rows are run-length encoded."""
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256))
    offset = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + palette + rows


END_OF_ROW, END = b"\0\0", b"\0\1"


def test_run_lengths_are_read():
    found = read(rle8(6, 4, (b"\2\x09\4\xc8" + END_OF_ROW) * 4 + END))
    assert cv2.extractChannel(np.atleast_3d(found), 0).tolist() == [[9, 9, 200, 200, 200, 200]] * 4


def test_many_pixels_in_few_bytes_are_refused_by_their_number():
    with pytest.raises(InvalidImage) as refusal:
        inspect(rle8(6000, 6000, END_OF_ROW * 6000 + END))
    assert refusal.value.code == "too_many_pixels"


def test_rows_from_top_to_bottom_are_read():
    upload = bytearray(opencv(".bmp"))
    upload[22:26] = struct.pack("<i", -colours().shape[0])
    assert np.array_equal(read(bytes(upload)), read(opencv(".bmp"))[::-1])


def changed(place: int, content: bytes) -> bytes:
    upload = bytearray(pillow("BMP"))
    upload[place : place + len(content)] = content
    return bytes(upload)


DAMAGED = {
    "a header of 41 bytes": changed(14, struct.pack("<I", 41)),
    "a header beyond the end": pillow("BMP")[:40],
    "almost nothing": b"BM",
    "5 bits": changed(28, struct.pack("<H", 5)),
    "compressed as JPEG": changed(30, struct.pack("<I", 4)),
    "run lengths of 24 bits": changed(30, struct.pack("<I", 1)),
    "a width of 0": changed(18, struct.pack("<i", 0)),
    "a negative width": changed(18, struct.pack("<i", -120)),
    "pixels beyond the end": changed(10, struct.pack("<I", 1000)),
    "rows that are missing": changed(22, struct.pack("<i", 95)),
}


@pytest.mark.parametrize("upload", DAMAGED.values(), ids=DAMAGED)
def test_a_structure_that_bmp_does_not_know_is_refused(upload):
    with pytest.raises(InvalidImage) as refusal:
        inspect(upload)
    assert refusal.value.code == "not_an_image"
