import cv2
import numpy as np
import pytest

# pure bytes; no Django in it
from classifier.tests.hostile import chunk, flipped, plain, png_header
from ml import header
from ml.header import InvalidImage, inspect


def said(upload: bytes):
    try:
        return inspect(upload)
    except InvalidImage as refusal:
        return refusal.code, refusal.detail


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


IMAGES = {
    "grey": plain(0),
    "wide": png(np.zeros((5, 300), np.uint8)),
    "flat": png(np.zeros((3, 9), np.uint8)),
    "16 bits": png(np.zeros((9, 9), np.uint16)),
    "colour": png(np.zeros((9, 9, 3), np.uint8)),
    "nothing": png_header(0, 28) + chunk(b"IDAT", b""),
    "huge": png_header(30_000, 30_000) + chunk(b"IDAT", b""),
    "see-through": plain(0)[:33] + chunk(b"tRNS", b"\0\0") + plain(0)[33:],
    **{f"flipped {place}": flipped(plain(0), place) for place in range(48)},
    **{f"cut {length}": plain(0)[:length] for length in range(0, 60, 3)},
}


@pytest.mark.parametrize("upload", IMAGES.values(), ids=IMAGES.keys())
def test_a_plain_png_is_told_of_as_pillow_does(upload, monkeypatch):
    ours = said(upload)
    monkeypatch.setattr(header, "_read_plain", lambda upload: None)
    assert ours == said(upload)
