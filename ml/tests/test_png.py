import itertools
import struct
import zlib

import cv2
import numpy as np
import pytest

# pure bytes; no Django in it
from classifier.tests.hostile import MAGIC, chunk, chunks, cut_animation, flipped, plain
from ml.decode import decode
from ml.formats import png_rows
from ml.formats.png_rows import ImageHeader, rows_bytes, stored
from ml.header import InvalidImage, inspect

from . import png_files as png

SIDE = 200


def noise(rows: int, row_bytes: int = 1 + SIDE) -> bytes:
    """Rows of grey pixels, none of them filtered."""
    grey = np.random.default_rng(0).integers(0, 256, (rows, row_bytes), dtype=np.uint8)
    grey[:, 0] = 0
    return grey.tobytes()


def grey(compressed: bytes, pieces: int = 1, before: bytes = b"") -> bytes:
    """A grey PNG of SIDE x SIDE, its compressed rows in some chunks."""
    cuts = np.linspace(0, len(compressed), pieces + 1, dtype=int)
    idats = [chunk(b"IDAT", compressed[a:b]) for a, b in itertools.pairwise(cuts)]
    return b"".join([png.header(SIDE, SIDE), before, *idats, png.END])


def read(upload: bytes) -> np.ndarray:
    return decode(upload, inspect(upload))


GOOD = grey(zlib.compress(noise(SIDE)))
PIXELS = np.frombuffer(noise(SIDE), np.uint8).reshape(SIDE, SIDE + 1)[:, 1:]


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_rows_may_come_in_pieces(pieces):
    assert np.array_equal(read(grey(zlib.compress(noise(SIDE)), pieces)), PIXELS)


def test_libpng_is_given_nothing_to_inflate(monkeypatch):
    given = []
    inner = cv2.imdecode
    monkeypatch.setattr(
        cv2, "imdecode", lambda file, flags: given.append(bytes(file)) or inner(file, flags)
    )
    more = chunk(b"iCCP", b"x") + chunk(b"acTL", bytes(8)) + chunk(b"abCd", b"")
    read(grey(zlib.compress(noise(SIDE)), pieces=3, before=more) + b"<script>")
    kinds = dict(chunks(given[0]))
    assert list(kinds) == [b"IHDR", b"IDAT", b"IEND"]
    assert zlib.decompress(kinds[b"IDAT"]) == noise(SIDE)
    assert len(kinds[b"IDAT"]) == len(noise(SIDE)) + 2 + 5 + 4


@pytest.mark.parametrize("length", [1, 65535, 65536, 200_000])
def test_long_rows_are_stored_in_blocks(length):
    content = noise(1, length)
    assert zlib.decompress(b"".join(stored(content))) == content


LAYOUTS = [
    (width, depth, colour)
    for colour, depths in png_rows.DEPTHS.items()
    for depth in depths
    for width in (4, 5, 9)
]


@pytest.mark.parametrize(("width", "depth", "colour"), LAYOUTS)
@pytest.mark.parametrize("interlaced", [0, 1])
def test_rows_are_as_long_as_libpng_expects(width, depth, colour, interlaced):
    header = ImageHeader(width, 7, depth, colour, 0, 0, interlaced)
    assert rows_bytes(header) == png.rows_bytes(width, 7, depth, colour, interlaced)
    palette = chunk(b"PLTE", bytes(3)) if colour == png.PALETTE else b""
    upload = png.blank(width, 7, depth, colour, interlaced, before=palette)
    assert read(upload).shape[:2] == (7, width)


DAMAGED = {
    "no rows": b"",
    "no deflate": b"no rows",
    "a row less": zlib.compress(noise(SIDE - 1)),
    "a row more": zlib.compress(noise(SIDE + 1)),
    "cut": zlib.compress(noise(SIDE))[:-1],
    "wrong sum": zlib.compress(noise(SIDE))[:-1] + b"x",
    "unknown filter": zlib.compress(b"\5" + noise(SIDE)[1:]),
    "unknown filter at the end": zlib.compress(noise(SIDE)[: -1 - SIDE] + b"\xff" + bytes(SIDE)),
}


@pytest.mark.parametrize("compressed", DAMAGED.values(), ids=DAMAGED)
def test_damaged_rows_are_refused(compressed, capfd):
    with pytest.raises(InvalidImage, match="damaged"):
        read(grey(compressed))
    assert capfd.readouterr().err == ""


def test_bytes_after_the_rows_do_not_matter(capfd):
    assert np.array_equal(read(grey(zlib.compress(noise(SIDE)) + b"x")), PIXELS)
    assert capfd.readouterr().err == ""


def test_an_unknown_filter_in_any_pass_of_an_interlaced_picture_is_refused():
    size = png.rows_bytes(9, 9, 8, png.GREY, 1)
    starts = [0, *itertools.accumulate(1 + width for width in passes_of_9())][:-1]
    for start in starts:
        rows = bytearray(size)
        rows[start] = 5
        with pytest.raises(InvalidImage, match="damaged"):
            read(png.png(png.header(9, 9, interlaced=1), zlib.compress(bytes(rows))))


def passes_of_9() -> list[int]:
    """How wide each row of an interlaced 9x9 is."""
    return [
        len(range(left, 9, across))
        for left, top, across, down in png.PASSES
        for _ in range(top, 9, down)
    ]


BAD_HEADERS = {
    "IHDR too short": MAGIC + chunk(b"IHDR", b"") + GOOD[33:],
    "IHDR too long": MAGIC + chunk(b"IHDR", GOOD[16:29] + b"\0") + GOOD[33:],
    "no IHDR": MAGIC + GOOD[33:],
    "text before it": MAGIC + chunk(b"tEXt", b"") + GOOD[8:],
    "two of them": GOOD[:33] + GOOD[8:],  # Pillow believes the second
    "no pixels": GOOD[:33] + png.END,
    "3 bits": png.header(SIDE, SIDE, depth=3) + GOOD[33:],
    "palette of 16 bits": png.header(SIDE, SIDE, 16, png.PALETTE) + GOOD[33:],
    "colour type 1": MAGIC
    + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 1, 0, 0, 0))
    + GOOD[33:],
    "interlace 2": png.header(SIDE, SIDE, interlaced=2) + GOOD[33:],
    "no palette": png.header(SIDE, SIDE, 8, png.PALETTE) + GOOD[33:],
    "palette of 4 bytes": png.header(SIDE, SIDE, 8, png.PALETTE)
    + chunk(b"PLTE", bytes(4))
    + GOOD[33:],
}


@pytest.mark.parametrize("upload", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_header_that_png_does_not_know_is_refused(upload, capfd):
    with pytest.raises(InvalidImage) as refusal:
        read(upload)
    assert refusal.value.code == "not_an_image"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("length", [8, 20, 50, -1, -12])
def test_a_png_that_is_cut_is_damaged(length):
    with pytest.raises(InvalidImage, match="damaged"):
        inspect(GOOD[:length])


@pytest.mark.parametrize("position", [12, 20, 30, 45, -5])
def test_a_png_with_a_bit_flipped_is_damaged(position):
    with pytest.raises(InvalidImage, match="damaged"):
        inspect(flipped(GOOD, position))


def test_an_animation_that_crashes_the_decoder_is_read_as_a_still(sample):
    still = sample("7_paint.png")
    assert np.array_equal(read(cut_animation(still)), read(still))


ODD_CHUNKS = {
    "profile": chunk(b"iCCP", b"x"),
    "palette of a grey picture": chunk(b"PLTE", bytes(9)),
    "transparency that is too long": chunk(b"tRNS", bytes(9)),
    "suggestions": chunk(b"sPLT", b"x") + chunk(b"hIST", b"x") + chunk(b"bKGD", b"x"),
    "gamma": chunk(b"gAMA", bytes(4)) * 2 + chunk(b"cHRM", bytes(32)) + chunk(b"sRGB", b"\x09"),
    "time": chunk(b"tIME", bytes(7)),
    "compressed text": chunk(b"zTXt", b"a\0\0damaged") + chunk(b"iTXt", b"a\0\1\0\0\0damaged"),
    "animation": chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26)),
}


@pytest.mark.parametrize("before", ODD_CHUNKS.values(), ids=ODD_CHUNKS)
def test_what_libpng_would_complain_of_is_left_out(before, capfd):
    assert np.array_equal(read(grey(zlib.compress(noise(SIDE)), before=before)), PIXELS)
    assert capfd.readouterr().err == ""


def test_a_palette_that_lacks_colours_is_black_there(capfd):
    rows = zlib.compress(b"".join(bytes([0, 0, 1, 2, 3]) for _ in range(4)))
    palette = chunk(b"PLTE", bytes([9, 9, 9, 20, 20, 20]))
    header = png.header(4, 4, 8, png.PALETTE)
    found = read(png.png(header, rows, palette))
    assert found.reshape(4, 4, -1)[0, :, 0].tolist() == [9, 20, 0, 0]
    assert capfd.readouterr().err == ""


def test_a_transparent_colour_counts_by_its_low_bits(capfd):
    """As the standard has it; libpng warns of the others."""
    rows = zlib.compress(b"".join(bytes([0, *[7, 8, 9] * 2, *[9] * 6]) for _ in range(4)))
    transparency = chunk(b"tRNS", b"\1\7\2\x08\3\x09")
    found = read(png.png(png.header(4, 4, 8, png.COLOUR), rows, transparency))
    assert found[0, :, 0].tolist() == [255, 255, 9, 9]
    assert capfd.readouterr().err == ""


def test_a_plain_small_picture_is_read():
    assert read(plain(7)).tolist() == [[7] * 28] * 28
