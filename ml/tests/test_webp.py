import struct

import numpy as np
import pytest
from PIL import Image

from classifier.tests.hostile import encoded  # pure bytes; no Django in it
from ml.decode import decode
from ml.header import InvalidImage, inspect

from .ordinary_files import animated, colours, pillow


def read(upload: bytes) -> np.ndarray:
    return decode(upload, inspect(upload))


def number(value: int, size: int = 3) -> bytes:
    return value.to_bytes(size, "little")


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"".join([b"WEBP", *chunks])
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(flags: int, width: int, height: int) -> bytes:
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + number(width - 1) + number(height - 1))


def bitstream(upload: bytes) -> bytes:
    """The one chunk of a plain file."""
    return upload[12:]


LOSSY = bitstream(encoded(Image.new("RGB", (20, 30), (9, 9, 9)), "WEBP"))


def frame(left: int, top: int) -> bytes:
    place = number(left // 2) + number(top // 2) + number(19) + number(29) + number(100) + b"\0"
    return chunk(b"ANMF", place + LOSSY)


def animation(*frames: bytes) -> bytes:
    return riff(extended(0x02, 60, 50), chunk(b"ANIM", bytes(6)), *frames)


def test_a_first_frame_has_its_place_on_the_canvas():
    found = read(animation(frame(10, 4), frame(30, 10)))
    dark = np.argwhere(found[..., 0] < 128)
    assert found.shape == (50, 60, 3)
    assert (dark.min(0).tolist(), dark.max(0).tolist()) == ([4, 10], [33, 29])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_later_frames_are_not_decoded(mode):
    upload = animated("WEBP", mode)
    second = upload.rindex(b"ANMF")
    damaged = upload[: second + 40] + bytes(len(upload) - second - 40)
    assert np.array_equal(read(damaged), read(upload))


def test_metadata_does_not_matter():
    plain = pillow("WEBP")
    with_it = pillow("WEBP", icc_profile=bytes(300), xmp=b"<x/>")
    assert np.array_equal(read(with_it), read(plain))


def test_opacity_that_is_a_chunk_of_its_own_is_read():
    upload = encoded(Image.fromarray(colours()), "WEBP", quality=80)
    assert b"ALPH" in upload
    assert inspect(upload).has_alpha


DAMAGED = {
    "no chunk": riff(),
    "unknown chunk": riff(chunk(b"abcd", b"")),
    "no bitstream": riff(extended(0, 20, 30)),
    "no start code": riff(chunk(b"VP8 ", bytes(100))),
    "no signature": riff(chunk(b"VP8L", bytes(100))),
    "cut bitstream": riff(chunk(b"VP8 ", LOSSY[8:14])),
    "canvas that is too small": riff(extended(0, 19, 30), LOSSY),
    "frame beyond the canvas": animation(frame(42, 0)),
    "no frame": animation(),
    "frame without a picture": animation(chunk(b"ANMF", bytes(16))),
    "chunk beyond the end": riff(extended(0, 20, 30), b"abcd\xff\xff\xff\x7f", LOSSY),
    "cut VP8X": riff(chunk(b"VP8X", b"\0"), LOSSY),
}


@pytest.mark.parametrize("upload", DAMAGED.values(), ids=DAMAGED)
def test_a_structure_that_webp_does_not_know_is_refused(upload):
    with pytest.raises(InvalidImage) as refusal:
        inspect(upload)
    assert refusal.value.code in ("not_an_image", "too_small")
