import itertools
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from classifier.tests.hostile import MAGIC, chunk, chunks, encoded, png_header  # pure bytes
from ml import inflate
from ml.decode import decode
from ml.header import inspect
from ml.inflate import with_stored_rows
from ml.png import still

SIDE = 200
END = chunk(b"IEND", b"")


def picture(mode: str) -> bytes:
    """A PNG of noise, blurred noise and plain paper: its writer takes many filters for it."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    colours[:, SIDE // 2 :] = 255
    colours[: SIDE // 2] = cv2.GaussianBlur(colours[: SIDE // 2], (0, 0), 3)
    if mode == "I;16":
        return encoded(Image.fromarray(colours[..., 0].astype(np.uint16) * 257), "PNG")
    if mode in ("P", "1"):
        return encoded(Image.fromarray(colours[..., :3]).convert(mode), "PNG")
    return encoded(Image.fromarray(colours).convert(mode), "PNG")


def pixels(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def noise(rows: int, row_bytes: int = 1 + SIDE) -> bytes:
    """Rows of grey pixels, none of them filtered."""
    grey = np.random.default_rng(0).integers(0, 256, (rows, row_bytes), dtype=np.uint8)
    grey[:, 0] = 0
    return grey.tobytes()


def grey(compressed: bytes, pieces: int = 1) -> bytes:
    """A grey PNG of SIDE x SIDE, its compressed rows in some chunks."""
    cuts = np.linspace(0, len(compressed), pieces + 1, dtype=int)
    idats = [chunk(b"IDAT", compressed[a:b]) for a, b in itertools.pairwise(cuts)]
    return b"".join([png_header(SIDE, SIDE), *idats, END])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_the_picture_stays_the_same(mode):
    png = still(picture(mode))
    bare = with_stored_rows(png)
    assert len(bare) > len(png)
    assert np.array_equal(pixels(bare), pixels(png))


def test_the_picture_has_rows_of_many_filters():
    rows = b"".join(content for kind, content in chunks(picture("RGB")) if kind == b"IDAT")
    assert len(set(zlib.decompress(rows)[:: 1 + 3 * SIDE])) >= 4


def test_nothing_is_left_to_inflate():
    rows = noise(SIDE)
    kinds = dict(chunks(with_stored_rows(grey(zlib.compress(rows), pieces=3))))
    assert list(kinds) == [b"IHDR", b"IDAT", b"IEND"]
    assert zlib.decompress(kinds[b"IDAT"]) == rows
    assert len(kinds[b"IDAT"]) == len(rows) + 2 + 5 + 4


@pytest.mark.parametrize("length", [1, 65535, 65536, 200_000])
def test_long_rows_are_stored_in_blocks(length):
    content = noise(1, length)
    assert zlib.decompress(inflate.stored(content)) == content


def test_a_small_picture_stays_compressed():
    png = encoded(Image.new("L", (28, 28), 255), "PNG")
    assert with_stored_rows(png) is png


def test_a_large_picture_stays_compressed(monkeypatch):
    png = grey(zlib.compress(noise(SIDE)))
    monkeypatch.setattr(inflate, "MAX_BYTES", SIDE * SIDE)
    assert with_stored_rows(png) is png


def test_an_interlaced_picture_stays_compressed():
    header = bytearray(dict(chunks(grey(b"")))[b"IHDR"])
    header[-1] = 1
    png = MAGIC + chunk(b"IHDR", bytes(header)) + chunk(b"IDAT", zlib.compress(noise(SIDE))) + END
    assert with_stored_rows(png) is png


@pytest.mark.parametrize(
    "compressed",
    [
        b"",
        b"no rows",
        zlib.compress(noise(SIDE - 1)),
        zlib.compress(noise(SIDE + 1)),
        zlib.compress(noise(SIDE))[:-1],
        zlib.compress(noise(SIDE))[:-1] + b"x",
        zlib.compress(noise(SIDE)) + b"x",
    ],
    ids=["empty", "no deflate", "a row less", "a row more", "cut", "wrong sum", "more behind"],
)
def test_of_damaged_rows_libpng_is_the_judge(compressed):
    png = grey(compressed)
    assert with_stored_rows(png) is png


def test_rows_that_are_a_bomb_are_not_inflated(monkeypatch):
    bomb = zlib.compressobj(9)
    content = b"".join([bomb.compress(bytes(1_000_000)) for _ in range(200)]) + bomb.flush()
    most = []

    class Counting:
        def __init__(self):
            self.inner = zlib.decompressobj()

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def decompress(self, content, max_length):
            rows = self.inner.decompress(content, max_length)
            most.append(len(rows))
            return rows

    monkeypatch.setattr(inflate.isal_zlib, "decompressobj", Counting)
    png = grey(content)
    assert with_stored_rows(png) is png
    assert most == [(1 + SIDE) * SIDE + 1]


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_decoding_is_the_same_with_it_and_without(mode, monkeypatch):
    png = picture(mode)
    found = decode(png, inspect(png))
    monkeypatch.setattr("ml.decode.with_stored_rows", lambda png: png)
    assert np.array_equal(found, decode(png, inspect(png)))
