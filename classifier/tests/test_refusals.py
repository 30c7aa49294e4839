"""Whatever is wrong with what was sent is a 404 with a code, and leaves nothing behind.

The numbers are those of the project's list of hostile and odd uploads.
"""

import random

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from classifier.models import Prediction

from . import hostile

pytestmark = pytest.mark.django_db
BOUNDARY = "multipart/form-data; boundary=limit"
SEVEN = (settings.BASE_DIR / "fixtures" / "digits" / "7_paint.png").read_bytes()
NAMED = 'Content-Disposition: form-data; name="image"; filename="a.png"'


def part(content: bytes, head: str = NAMED) -> bytes:
    return f"--limit\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


BODIES = {
    "1 no body": ("", b"", "no_image"),
    "2 empty multipart": (BOUNDARY, b"", "no_image"),
    "3 JSON": ("application/json", b'{"image": "a.png"}', "no_image"),
    "4 broken JSON": ("application/json", b'{"image', "no_image"),
    "5 deep JSON": ("application/json", b"[" * 100_000, "no_image"),
    "6 long JSON": ("application/json", b'"' + b"a" * 3_000_000 + b'"', "no_image"),
    "7 raw picture": ("image/png", hostile.plain(0), "no_image"),
    "8 octets": ("application/octet-stream", b"abc", "no_image"),
    "9 urlencoded": ("application/x-www-form-urlencoded", b"image=abc", "no_image"),
    "10 no boundary": ("multipart/form-data", part(b"abc"), "malformed"),
    "11 other boundary": ("multipart/form-data; boundary=other", part(b"abc"), "no_image"),
    "11 long boundary": ("multipart/form-data; boundary=" + "b" * 300, part(b"abc"), "no_image"),
    "12 boundary of odd letters": ("multipart/form-data; boundary=gr\xfc\xdf", b"abc", "malformed"),
    "13 cut in the middle": (BOUNDARY, part(SEVEN)[:-300], "no_image"),
    "13 no final boundary": (BOUNDARY, part(SEVEN), "no_image"),
    "13 half a final boundary": (BOUNDARY, part(SEVEN) + b"--lim", "no_image"),
    "14 long part header": (BOUNDARY, part(b"abc", NAMED + "; x=" + "y" * 20_000), "malformed"),
    "16 a thousand fields": (
        BOUNDARY,
        part(b"x", 'Content-Disposition: form-data; name="a"') * 1001 + b"--limit--\r\n",
        "malformed",
    ),
    "16 a hundred files": (BOUNDARY, part(b"x") * 101 + b"--limit--\r\n", "malformed"),
    "16 long text": (
        BOUNDARY,
        part(b"x" * 3_000_000, 'Content-Disposition: form-data; name="a"') + b"--limit--\r\n",
        "too_large",
    ),
    "18 broken base64": (
        BOUNDARY,
        part(b"\xff" * 7, NAMED + "\r\nContent-Transfer-Encoding: base64") + b"--limit--\r\n",
        "malformed",
    ),
    "20 other field": (BOUNDARY, part(b"x", NAMED.replace("image", "file")), "no_image"),
    "20 field in capitals": (BOUNDARY, part(b"x", NAMED.replace("image", "IMAGE")), "no_image"),
    "21 text": (BOUNDARY, part(b"x", 'Content-Disposition: form-data; name="image"'), "no_image"),
    "22 empty name": (BOUNDARY, part(b"x", NAMED.replace("a.png", "")), "no_image"),
    "23 two files": (BOUNDARY, part(hostile.plain(0)) * 2 + b"--limit--\r\n", "one_image"),
    "27 dots for a name": (BOUNDARY, part(b"x", NAMED.replace("a.png", "..")), "no_image"),
}


@pytest.mark.parametrize(("content_type", "body", "code"), BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused_and_nothing_is_kept(client, files, content_type, body, code):
    response = client.generic("POST", "/mnist/classify", body, content_type)
    assert (response.status_code, response.json()["code"]) == (404, code)
    assert not Prediction.objects.exists()
    assert not files()


def noise(count: int) -> bytes:
    return random.Random(0).randbytes(count)


def drawing(format: str = "PNG", mode: str = "L", **options) -> bytes:
    """A picture of noise, large enough that a cut hits its pixels."""
    pixels = Image.effect_noise((200, 200), 60).convert(mode)
    return hostile.encoded(pixels, format, **options)


PICTURES = {
    "25 empty": (lambda: b"", "empty"),
    "31 text called PNG": (lambda: b"hello", "not_an_image"),
    "32 over the limit": (lambda: hostile.plain(0) + bytes(16 * 1024 * 1024), "too_large"),
    "33 bomb of 19000": (lambda: hostile.png_bomb(19_000), "too_many_pixels"),
    "34 bomb of 30000": (lambda: hostile.png_bomb(30_000), "too_many_pixels"),
    "35 beginning of 33000": (
        lambda: hostile.png_start(33_000),
        "too_many_pixels",
    ),
    "36 header of 2^31-1": (lambda: hostile.png_header(2**31 - 1, 2**31 - 1), "not_an_image"),
    "36 beginning of 12000": (
        lambda: hostile.png_start(12_000),
        "too_many_pixels",
    ),
    "36 header alone": (lambda: hostile.png_header(100, 100), "not_an_image"),
    "37 0x0": (lambda: hostile.png_header(0, 0), "not_an_image"),
    "37 1x1": (lambda: hostile.plain(0, (1, 1)), "too_small"),
    "37 1x20000": (lambda: hostile.plain(0, (1, 20_000)), "too_small"),
    "37 20000x1": (lambda: hostile.plain(0, (20_000, 1)), "too_small"),
    "37 400x10": (lambda: hostile.plain(0, (400, 10)), "too_narrow"),
    "38 HTML": (lambda: b"<!doctype html><script>alert(1)</script>", "not_an_image"),
    "38 SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    "38 PDF": (lambda: b"%PDF-1.7\n", "not_an_image"),
    "38 ZIP": (lambda: b"PK\3\4" + bytes(100), "not_an_image"),
    "38 ELF": (lambda: b"\x7fELF" + bytes(100), "not_an_image"),
    "38 MP4": (lambda: b"\0\0\0\x18ftypmp42" + bytes(100), "not_an_image"),
    "38 HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "not_an_image"),
    "39 noise": (lambda: noise(10_000), "not_an_image"),
    "39 noise after PNG's magic": (lambda: hostile.MAGIC + noise(10_000), "not_an_image"),
    "39 noise after JPEG's magic": (lambda: b"\xff\xd8\xff\xe0" + noise(10_000), "not_an_image"),
    "40 magic alone": (lambda: hostile.MAGIC, "not_an_image"),
    "40 cut in half": (lambda: drawing()[: len(drawing()) // 2], "not_an_image"),
    "40 without an end": (lambda: drawing()[:-12], "not_an_image"),
    "40 a bit flipped": (lambda: hostile.flipped(drawing(), 5_000), "not_an_image"),
    "40 wrong checksum": (lambda: hostile.flipped(drawing(), 30), "not_an_image"),
    "41 JPEG cut at 10 %": (lambda: drawing("JPEG")[: len(drawing("JPEG")) // 10], "not_an_image"),
    "41 JPEG cut at 50 %": (lambda: drawing("JPEG")[: len(drawing("JPEG")) // 2], "not_an_image"),
    "41 JPEG cut at 90 %": (lambda: drawing("JPEG")[: -len(drawing("JPEG")) // 10], "not_an_image"),
    "42 GIF": (lambda: drawing("GIF"), "not_an_image"),
    "42 TIFF": (lambda: drawing("TIFF"), "not_an_image"),
    "42 ICO": (lambda: drawing("ICO"), "not_an_image"),
    "42 PPM": (lambda: drawing("PPM"), "not_an_image"),
    "42 JPEG 2000": (lambda: drawing("JPEG2000"), "not_an_image"),
    "42 AVIF": (lambda: drawing("AVIF", "RGB"), "not_an_image"),
    "42 PDF": (lambda: drawing("PDF"), "not_an_image"),
    "42 EPS": (lambda: drawing("EPS"), "not_an_image"),
    "45 a comment of 200 MB": (hostile.text_bomb, "not_an_image"),
    "47 white": (lambda: hostile.plain(255), "blank"),
    "47 black": (lambda: hostile.plain(0, (300, 200)), "blank"),
    "47 two greys of noise": (
        lambda: hostile.encoded(
            Image.frombytes("L", (100, 100), bytes(200 + byte % 2 for byte in noise(10_000))), "PNG"
        ),
        "blank",
    ),
    "48 transparent": (
        lambda: hostile.encoded(Image.new("RGBA", (50, 50), (9, 9, 9, 0)), "PNG"),
        "blank",
    ),
}


@pytest.mark.parametrize(("make", "code"), PICTURES.values(), ids=PICTURES)
def test_a_bad_picture_is_refused_and_nothing_is_kept(client, files, make, code):
    image = SimpleUploadedFile("a.png", make(), "image/png")
    response = client.post("/mnist/classify", {"image": image})
    assert (response.status_code, response.json()["code"]) == (404, code)
    assert response.json()["detail"]
    assert not Prediction.objects.exists()
    assert not files()
