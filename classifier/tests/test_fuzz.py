"""Good files and good bodies, damaged at random, sent to the real server.

Each is answered with a digit or refused with a 404; nothing crashes, hangs, grows or stays. The
tries are the same each time; `make fuzz` makes 10,000 new ones.
"""

import os
import struct

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from conftest import DIGITS
from ml.tests.test_odd_pictures import ODD, drawing_of

from . import hostile
from .server import Server
from .wire import NAMED, form, part, request, send, upload

TRIES = int(os.environ.get("FUZZ", "500"))
CPU_S = 3
GROWTH_MEGABYTES = 100  # of the worker, over all tries together
FILES = ["7_paint.png", "3_phone.jpg", "2_fountain.webp", "4_scan.bmp", "5_transparent.png"]
KINDS = ["43 animated PNG", "46 much EXIF", "52 palette", "52 CMYK", "55 interlaced PNG"]
GOOD = [(DIGITS / name).read_bytes() for name in FILES]
GOOD += [ODD[kind](drawing_of(7)) for kind in KINDS]
PNGS = [each for each in GOOD if each.startswith(hostile.MAGIC)]
REQUEST_BODY = form(part(GOOD[0]), part(b"x", 'Content-Disposition: form-data; name="note"'))


def fuzz(share: float):
    return tries(
        max_examples=max(1, round(TRIES * share)),
        deadline=None,
        database=None,
        derandomize="FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("fuzz"), workers=1) as running:
        for good in GOOD:
            running.answer(good)
        before, (pid,) = running.serving_megabytes()[0], running.worker_pids()
        yield running
        assert running.worker_pids() == [pid]  # it never crashed
        assert running.serving_megabytes()[0] < before + GROWTH_MEGABYTES
        assert sorted(running.rows()) == sorted(running.files())
        assert "ERROR" not in running.output()
        assert "Traceback" not in running.output()


def answered(server, content: bytes) -> None:
    with server.cost() as cost:
        answer = send(server.port, content)
    assert answer.status in (200, 404)
    assert answer.body.keys() & {"digit", "code"}
    assert cost.cpu_s < CPU_S


@st.composite
def damaged(draw, good: list[bytes]) -> bytes:
    """One of these with a few bits flipped, and pieces cut, doubled or put in."""
    content = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "cut", "remove", "double", "put", "write"])):
            case "flip" if content:
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[start:]
            case "remove":
                del content[start : start + length]
            case "double":
                content[start:start] = content[start : start + length]
            case "put":
                content[start:start] = draw(st.binary(max_size=64))
            case "write":
                content[start : start + 4] = draw(st.sampled_from(EDGES))
    return bytes(content)


EDGES = [struct.pack(">I", number) for number in (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)]


@st.composite
def surgery(draw) -> bytes:
    """A PNG whose chunks were dropped, doubled, swapped or changed, each with a right checksum."""
    chunks = list(hostile.chunks(draw(st.sampled_from(PNGS))))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(chunks) - 1))
        kind, content = chunks[place]
        match draw(st.sampled_from(["drop", "double", "swap", "rename", "change", "empty"])):
            case "drop" if len(chunks) > 1:
                del chunks[place]
            case "double":
                chunks.insert(place, chunks[place])
            case "swap":
                other = draw(st.integers(0, len(chunks) - 1))
                chunks[place], chunks[other] = chunks[other], chunks[place]
            case "rename":
                chunks[place] = draw(st.sampled_from(PNG_KINDS)), content
            case "change":
                chunks[place] = kind, draw(damaged([content or b"\0"]))
            case "empty":
                chunks[place] = kind, b""
    return hostile.MAGIC + b"".join(hostile.chunk(*each) for each in chunks)


PNG_KINDS = [b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"iCCP", b"eXIf", b"acTL", b"fdAT"]


@fuzz(0.4)
@given(content=damaged(GOOD))
def test_a_damaged_picture_is_answered_or_refused(server, content):
    answered(server, upload(content))


@fuzz(0.3)
@given(content=surgery())
def test_a_png_with_odd_chunks_is_answered_or_refused(server, content):
    answered(server, upload(content))


@fuzz(0.2)
@given(body=damaged([REQUEST_BODY]))
def test_a_damaged_body_is_answered_or_refused(server, body):
    answered(server, request(body))


@fuzz(0.1)
@given(name=st.binary(max_size=300), more=damaged([NAMED.encode()]))
def test_a_damaged_part_header_is_answered_or_refused(server, name, more):
    head = b'Content-Disposition: form-data; name="image"; filename="' + name + b'"\r\n' + more
    answered(server, upload(GOOD[0], head=head))
