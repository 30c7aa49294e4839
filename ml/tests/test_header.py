import pickle
import zlib

import cv2
import numpy as np
import pytest

from classifier.tests.hostile import flipped, plain  # pure bytes; no Django in it
from ml.decode import decode
from ml.formats.base import MAX_PIXELS
from ml.header import FORMATS, Header, InvalidImage, inspect

from .ordinary_files import ORDINARY, as_pillow_reads


def as_pillow_says(upload: bytes) -> Header:
    picture = as_pillow_reads(upload)
    has_alpha = "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA")
    kind = "JPEG" if picture.format == "MPO" else picture.format
    return Header(kind, *picture.size, has_alpha, picture.getexif().get(0x0112, 1))


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_what_ordinary_programs_write_is_understood_as_by_pillow(make):
    upload = make()
    assert inspect(upload)._replace(structure=None) == as_pillow_says(upload)


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_what_ordinary_programs_write_is_decoded_as_by_opencv(make, capfd):
    upload = make()
    header = inspect(upload)
    found = decode(upload, header)
    assert capfd.readouterr() == ("", "")
    if not header.has_alpha:
        expected = cv2.imdecode(np.frombuffer(upload, np.uint8), cv2.IMREAD_ANYCOLOR)
        assert found.shape == expected.shape
        assert cv2.absdiff(found, expected).max() <= 1  # CMYK is rounded in another way


def test_every_format_has_an_ordinary_file():
    assert {inspect(make()).format for make in ORDINARY.values()} == set(FORMATS)


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_a_file_that_is_cut_is_refused_or_read(make):
    upload = make()
    lengths = (*range(60), *np.linspace(60, len(upload) - 1, 40, dtype=int))
    assert {outcome(upload[:length]) for length in lengths} <= {"empty", "not_an_image", "read"}


def outcome(upload: bytes) -> str:
    try:
        decode(upload, inspect(upload))
    except InvalidImage as refusal:
        return refusal.code
    return "read"


def test_too_many_pixels_are_refused_before_the_rest_of_the_file_is_checked():
    header = bytearray(plain(0)[:33])
    header[16:24] = (5000).to_bytes(4, "big") + (MAX_PIXELS // 5000 + 1).to_bytes(4, "big")
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(InvalidImage, match=r"at most 25000000 pixels in a PNG") as refusal:
        inspect(bytes(header) + plain(0)[33:-12])
    assert refusal.value.code == "too_many_pixels"


def test_a_flipped_bit_in_a_header_is_refused():
    for place in range(8, 33):
        with pytest.raises(InvalidImage):
            inspect(flipped(plain(0), place))


def test_a_refusal_comes_from_another_process():
    refusal = pickle.loads(pickle.dumps(InvalidImage("blank", "No ink.")))
    assert (refusal.code, refusal.detail) == ("blank", "No ink.")
