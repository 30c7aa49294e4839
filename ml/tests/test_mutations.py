"""Good files, damaged at random: each is read or refused, and no library says a word of it.

The tries are the same each time; `FUZZ=100000` makes more of them.
"""

import os
import random
import struct
import zlib

import pytest

from classifier.tests.hostile import MAGIC, chunk, chunks  # pure bytes; no Django in it
from ml.decode import WORKING_SIDE, decode
from ml.header import InvalidImage, inspect

from .ordinary_files import ORDINARY

TRIES = int(os.environ.get("FUZZ", "4000"))
EDGES = [
    struct.pack(order, number)
    for number in (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
    for order in ("<I", ">I")
]
PNG_KINDS = [
    *(b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD"),
    *(b"hIST", b"pHYs", b"tIME", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"IEND"),
]


def damaged(chance: random.Random, good: bytes) -> bytes:
    """A file with a few bits flipped, and pieces cut, doubled or put in; often in its header."""
    content = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(min(len(content), chance.choice([200, 1 << 24])) or 1)
        length = chance.randint(1, 64)
        match chance.choice(["flip", "cut", "remove", "double", "put", "write"]):
            case "flip" if content:
                content[start] ^= 1 << chance.randrange(8)
            case "cut" if chance.random() < 0.2:
                del content[start:]
            case "remove":
                del content[start : start + length]
            case "double":
                content[start:start] = content[start : start + length]
            case "put":
                content[start:start] = chance.randbytes(length)
            case "write":
                content[start : start + 4] = chance.choice(EDGES)
    return bytes(content)


def with_other_chunks(chance: random.Random, good: bytes) -> bytes:
    """A PNG whose chunks were dropped, doubled, swapped or changed, each with its checksum."""
    parts = list(chunks(good))
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(parts))
        kind, content = parts[place]
        match chance.choice(["drop", "double", "swap", "rename", "change", "rows", "add"]):
            case "drop" if len(parts) > 1:
                del parts[place]
            case "double":
                parts.insert(place, parts[place])
            case "swap":
                other = chance.randrange(len(parts))
                parts[place], parts[other] = parts[other], parts[place]
            case "rename":
                parts[place] = chance.choice(PNG_KINDS), content
            case "change":
                parts[place] = kind, damaged(chance, content or b"\0")
            case "rows" if kind == b"IDAT":
                parts[place] = kind, with_other_rows(chance, content)
            case "add":
                new = chance.choice(PNG_KINDS), chance.randbytes(chance.randint(0, 30))
                parts.insert(place, new)
    return MAGIC + b"".join(chunk(*each) for each in parts)


def with_other_rows(chance: random.Random, compressed: bytes) -> bytes:
    try:
        return zlib.compress(damaged(chance, zlib.decompress(compressed)), 1)
    except zlib.error:  # it is the second change
        return compressed


GOOD = {name: make() for name, make in ORDINARY.items()}
FORMATS = {"JPEG": b"\xff\xd8", "PNG": MAGIC, "WebP": b"RIFF", "BMP": b"BM"}


@pytest.mark.parametrize(
    ("format", "change"), [*((each, damaged) for each in FORMATS), ("PNG", with_other_chunks)]
)
def test_a_damaged_file_is_read_or_refused_in_silence(format, change, capfd):
    good = [each for each in GOOD.values() if each.startswith(FORMATS[format])]
    chance, read = random.Random(0), 0
    for _ in range(TRIES // 4):
        upload = change(chance, chance.choice(good))
        try:
            header = inspect(upload)
            pixels = decode(upload, header)
        except InvalidImage:
            continue
        read += 1
        if max(header.width, header.height) < 2 * WORKING_SIDE:  # a larger JPEG is reduced
            assert sorted(pixels.shape[:2]) == sorted((header.width, header.height))
        assert capfd.readouterr() == ("", "")
    assert capfd.readouterr() == ("", "")
    assert read > 0
