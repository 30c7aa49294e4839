"""Plain bodies are read as Django reads them; what is not plain is left to Django."""

import io
import random

import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from classifier.api.multipart import read_plain
from classifier.bulk import Upload

TYPE = "multipart/form-data; boundary=limit"
IMAGE = b'Content-Disposition: form-data; name="image"; filename="seven 7.png"\r\n'
PNG = b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n-- \x00\xff"
FIELD = b'Content-Disposition: form-data; name="model"\r\n\r\ndigits-1'


class Memory(MemoryFileUploadHandler):
    def handle_raw_input(self, *args, **kwargs):
        self.activated = True


def body(*parts: bytes, end: bytes = b"--limit--\r\n") -> bytes:
    return b"".join(b"--limit\r\n" + part + b"\r\n" for part in parts) + end


def read_by_django(content: bytes) -> tuple[dict, dict]:
    meta = {"CONTENT_TYPE": TYPE, "CONTENT_LENGTH": len(content)}
    fields, files = MultiPartParser(meta, io.BytesIO(content), [Memory()]).parse()
    uploads = {
        name: [Upload(file.read(), file.name) for file in found] for name, found in files.lists()
    }
    return uploads, fields.dict()


@pytest.mark.parametrize(
    "content",
    [
        body(IMAGE + PNG),
        body(IMAGE + PNG, end=b"--limit--"),
        body(IMAGE + b"\r\n"),
        body(IMAGE + PNG, FIELD),
        body(FIELD, IMAGE + PNG, IMAGE.replace(b"image", b"other") + PNG),
        body(IMAGE + PNG, IMAGE + PNG),
    ],
)
def test_a_plain_body_is_read_as_django_reads_it(content):
    assert read_plain(TYPE, content) == read_by_django(content)


@pytest.mark.parametrize("type", ['multipart/form-data; boundary="limit"', TYPE.replace(" ", "")])
def test_a_boundary_may_be_quoted_and_stand_without_a_space(type):
    assert read_plain(type, body(FIELD)).fields == {"model": "digits-1"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--limit--\r\n",
        b"before\r\n" + body(IMAGE + PNG),
        body(IMAGE + PNG) + b"after",
        body(IMAGE + PNG, end=b""),
        body(IMAGE + PNG + b"\r\n--limit?"),
        body(IMAGE + PNG + b"\n--limit"),
        body(IMAGE.replace(b"seven", b"../seven") + PNG),
        body(IMAGE.replace(b"seven", b"&amp;") + PNG),
        body(IMAGE.replace(b"seven", "sé".encode()) + PNG),
        body(IMAGE.replace(b"seven 7.png", b"") + PNG),
        body(IMAGE.replace(b'filename="seven 7.png"', b"filename*=UTF-8''seven") + PNG),
        body(IMAGE + b"Content-Transfer-Encoding: base64\r\n\r\nAAAA"),
        body(FIELD, FIELD),
        body(FIELD * 20),
        body(*[FIELD.replace(b"model", b"field%d" % index) for index in range(20)]),
    ],
)
def test_what_is_not_plain_is_left_to_django(content):
    assert read_plain(TYPE, content) is None


@pytest.mark.parametrize(
    "type", ["", "image/png", "multipart/form-data", TYPE + '"', TYPE + "; a=b"]
)
def test_another_type_of_body_is_left_to_django(type):
    assert read_plain(type, body(IMAGE + PNG)) is None


def test_a_damaged_body_is_never_read_differently_than_by_django():
    rng, plain = random.Random(0), 0
    whole = body(FIELD, IMAGE + PNG)
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(content))
            damage = rng.choice([b"", b"\r\n", b"--", b"limit", bytes([rng.randrange(256)])])
            content[at : at + rng.randint(0, 2)] = damage
        form = read_plain(TYPE, bytes(content))
        if form is None:
            continue
        plain += 1
        try:
            assert form == read_by_django(bytes(content)), bytes(content)
        except MultiPartParserError:
            pytest.fail(f"Django refuses {bytes(content)!r}")
    assert plain > 100
