import struct

import pytest

from ml.formats.exif import MAX_ENTRIES, orientation

from .ordinary_files import exif


def directory(*entries: tuple, order: str = "<", start: int = 8, count: int | None = None) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(f"{order}I", start).ljust(start - 4, b"\0")
    told = struct.pack(f"{order}H", len(entries) if count is None else count)
    return head + told + b"".join(struct.pack(f"{order}HHIHxx", *entry) for entry in entries)


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_the_orientation_that_pillow_writes_is_read(value, prefix):
    content = exif(value, comment=b"x" * 300).tobytes().removeprefix(b"Exif\0\0")
    assert orientation(prefix + content) == value


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders_are_read(order):
    content = directory((0x0100, 4, 1, 9), (0x0112, 3, 1, 6), order=order, start=20)
    assert orientation(content) == 6


NONE = {
    "nothing": b"",
    "a name alone": b"Exif\0\0",
    "four bytes": b"II*\0",
    "another magic": b"II+\0" + bytes(100),
    "a directory beyond the end": b"II*\0\xff\xff\xff\xff",
    "no entry": directory(),
    "an entry that is cut": directory((0x0112, 3, 1, 6))[:-1],
    "fewer entries than it says": directory((0x0100, 3, 1, 6), count=0xFFFF),
    "an orientation of 0": directory((0x0112, 3, 1, 0)),
    "an orientation of 9": directory((0x0112, 3, 1, 9)),
    "an orientation that is a text": directory((0x0112, 2, 1, 6)),
    "an entry after too many": directory(*[(1, 3, 1, 1)] * MAX_ENTRIES, (0x0112, 3, 1, 6)),
}


@pytest.mark.parametrize("content", NONE.values(), ids=NONE)
def test_what_says_nothing_legible_is_upright(content):
    assert orientation(content) == 1
