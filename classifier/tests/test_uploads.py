"""The list of 73 hostile and odd uploads, sent to the real server over a socket.

Whatever is wrong with what was sent is a 404 with a code that costs little and leaves nothing
behind but one line in the log; what is odd but valid is answered and kept. The numbers are those
of the list. Rows 17, 65 and 66, what a client or a disk does over time, are in test_faults.py.
"""

import base64
import io
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from PIL import Image, ImageDraw

from ml.tests.hostile_files import HOSTILE
from ml.tests.test_odd_pictures import ODD, drawing_of

from . import hostile
from .server import Server
from .wire import NAMED, form, named, part, request, send, upload

CPU_S, MEGABYTES = 1, 200  # that a refusal may cost
CPU_S_KEPT, MEGABYTES_KEPT, BYTES_A_PIXEL = 3, 100, 16  # that a picture may, which is kept
DIGITS = settings.BASE_DIR / "fixtures" / "digits"
SEVEN = (DIGITS / "7_paint.png").read_bytes()
TEXT = 'Content-Disposition: form-data; name="%s"'
BASE64 = NAMED + "\r\nContent-Transfer-Encoding: base64"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One worker, so that it is known who pays, and has answered once."""
    with Server(tmp_path_factory.mktemp("uploads"), workers=1) as running:
        running.answer(SEVEN)
        yield running


def noise(count: int) -> bytes:
    return random.Random(0).randbytes(count)


def drawing(format: str = "PNG", mode: str = "L", **options) -> bytes:
    """A picture of noise, large enough that a cut hits its pixels."""
    pixels = Image.effect_noise((200, 200), 60).convert(mode)
    return hostile.encoded(pixels, format, **options)


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


REFUSED = {
    "1 no body": (lambda: request(b"", ""), "no_image"),
    "2 empty multipart": (lambda: request(b""), "no_image"),
    "3 JSON": (lambda: request(b'{"image": "/etc/passwd"}', "application/json"), "no_image"),
    "4 broken JSON": (lambda: request(b'{"image', "application/json"), "no_image"),
    "5 deep JSON": (lambda: request(b"[" * 100_000, "application/json"), "no_image"),
    "6 long JSON": (lambda: request(b'"' + b"a" * 3_000_000, "application/json"), "no_image"),
    "7 raw picture": (lambda: request(SEVEN, "image/png"), "no_image"),
    "8 octets": (lambda: request(SEVEN, "application/octet-stream"), "no_image"),
    "8 XML": (lambda: request(b"<image/>", "application/xml"), "no_image"),
    "9 urlencoded": (
        lambda: request(b"image=abc", "application/x-www-form-urlencoded"),
        "no_image",
    ),
    "10 no boundary": (lambda: request(form(part(SEVEN)), "multipart/form-data"), "malformed"),
    "11 other boundary": (
        lambda: request(form(part(SEVEN)), "multipart/form-data; boundary=other"),
        "no_image",
    ),
    "11 long boundary": (
        lambda: request(form(part(SEVEN)), "multipart/form-data; boundary=" + "b" * 300),
        "no_image",
    ),
    "12 boundary of odd letters": (
        lambda: request(form(part(SEVEN)), b"multipart/form-data; boundary=gr\xfc\xdf"),
        "malformed",
    ),
    "13 cut in the middle": (lambda: request(part(SEVEN)[:-300]), "no_image"),
    "13 no final boundary": (lambda: request(part(SEVEN)), "no_image"),
    "13 half a final boundary": (lambda: request(part(SEVEN) + b"--lim"), "no_image"),
    "14 long part header": (
        lambda: upload(SEVEN, head=NAMED + "; x=" + "y" * 20_000),
        "malformed",
    ),
    "15 length of 0": (lambda: request(form(part(SEVEN)), length=0), "no_image"),
    "15 length too large": (lambda: request(form(part(SEVEN)), length=9_000), "cut_short"),
    "15 length too small": (lambda: request(form(part(SEVEN)), length=500), "no_image"),
    "16 a thousand fields": (lambda: request(form(part(b"x", TEXT % "a") * 1001)), "malformed"),
    "16 a hundred files": (lambda: request(form(part(SEVEN) * 101)), "malformed"),
    "16 long text": (lambda: request(form(part(b"x" * 3_000_000, TEXT % "a"))), "too_large"),
    "18 broken base64": (lambda: upload(b"\xff" * 7, head=BASE64), "malformed"),
    "20 other field": (lambda: upload(SEVEN, head=NAMED.replace("image", "file")), "no_image"),
    "20 field in capitals": (
        lambda: upload(SEVEN, head=NAMED.replace("image", "IMAGE")),
        "no_image",
    ),
    "21 text": (lambda: upload(SEVEN, head=TEXT % "image"), "no_image"),
    "22 empty name": (lambda: upload(SEVEN, head=named('filename=""')), "no_image"),
    "23 two files": (lambda: request(form(part(SEVEN) * 2)), "one_image"),
    "27 dots for a name": (lambda: upload(SEVEN, head=named('filename=".."')), "no_image"),
    "27 name that is not UTF-8": (
        lambda: upload(SEVEN, head=named(b'filename="\xff\xfe.png"')),
        "no_image",
    ),
    "27 name in an unknown charset": (
        lambda: upload(SEVEN, head=named("filename*=nonsense''a.png")),
        "no_image",
    ),
}
PICTURES = {
    "25 empty": (lambda: b"", "empty"),
    "31 text called PNG": (lambda: b"hello", "not_an_image"),
    "32 over the limit": (lambda: SEVEN + bytes(16 * 1024 * 1024), "too_large"),
    "33 bomb of 19000": (lambda: hostile.png_bomb(19_000), "too_many_pixels"),
    "34 bomb of 30000": (lambda: hostile.png_bomb(30_000), "too_many_pixels"),
    "35 beginning of 33000": (lambda: hostile.png_start(33_000), "too_many_pixels"),
    "36 header of 2^31-1": (lambda: hostile.png_header(2**31 - 1, 2**31 - 1), "not_an_image"),
    "36 beginning of 30000": (lambda: hostile.png_start(30_000), "too_many_pixels"),
    "36 beginning of 12000": (lambda: hostile.png_start(12_000), "too_many_pixels"),
    "36 beginning of 5000": (lambda: hostile.png_start(5_000), "not_an_image"),
    "36 header alone": (lambda: hostile.png_header(100, 100), "not_an_image"),
    "37 0x0": (lambda: hostile.png_header(0, 0), "not_an_image"),
    "37 1x1": (lambda: hostile.plain(0, (1, 1)), "too_small"),
    "37 1x20000": (lambda: hostile.plain(0, (1, 20_000)), "too_small"),
    "37 20000x1": (lambda: hostile.plain(0, (20_000, 1)), "too_small"),
    "37 400x10": (lambda: hostile.plain(0, (400, 10)), "too_narrow"),
    "38 text": (lambda: b"7\n" * 1000, "not_an_image"),
    "38 HTML": (lambda: b"<!doctype html><script>alert(1)</script>", "not_an_image"),
    "38 SVG": (
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "not_an_image",
    ),
    "38 PDF": (lambda: b"%PDF-1.7\n", "not_an_image"),
    "38 ZIP": (lambda: b"PK\3\4" + bytes(100), "not_an_image"),
    "38 ELF": (lambda: b"\x7fELF" + bytes(100), "not_an_image"),
    "38 MP4": (lambda: b"\0\0\0\x18ftypmp42" + bytes(100), "not_an_image"),
    "38 HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "not_an_image"),
    "39 noise": (lambda: noise(10_000), "not_an_image"),
    "39 noise after PNG's magic": (lambda: hostile.MAGIC + noise(10_000), "not_an_image"),
    "39 noise after JPEG's magic": (lambda: b"\xff\xd8\xff\xe0" + noise(10_000), "not_an_image"),
    "39 noise after WebP's magic": (
        lambda: b"RIFF\x18\x27\0\0WEBPVP8 " + noise(10_000),
        "not_an_image",
    ),
    "39 noise after BMP's magic": (lambda: b"BM" + noise(10_000), "not_an_image"),
    "40 magic alone": (lambda: hostile.MAGIC, "not_an_image"),
    "40 cut in half": (lambda: cut(drawing(), 0.5), "not_an_image"),
    "40 without an end": (lambda: drawing()[:-12], "not_an_image"),
    "40 a bit flipped": (lambda: hostile.flipped(drawing(), 5_000), "not_an_image"),
    "40 wrong checksum": (lambda: hostile.flipped(drawing(), 30), "not_an_image"),
    "41 JPEG cut at 10 %": (lambda: cut(drawing("JPEG"), 0.1), "not_an_image"),
    "41 JPEG cut at 50 %": (lambda: cut(drawing("JPEG"), 0.5), "not_an_image"),
    "41 JPEG cut at 90 %": (lambda: cut(drawing("JPEG"), 0.9), "not_an_image"),
    "41 JPEG header": (lambda: drawing("JPEG")[:200], "not_an_image"),
    "41 WebP cut in half": (lambda: cut(drawing("WEBP"), 0.5), "not_an_image"),
    "41 BMP cut in half": (lambda: cut(drawing("BMP"), 0.5), "not_an_image"),
    "42 GIF": (lambda: drawing("GIF"), "not_an_image"),
    "42 animated GIF": (
        lambda: drawing("GIF", save_all=True, append_images=[Image.new("L", (200, 200))]),
        "not_an_image",
    ),
    "42 TIFF": (lambda: drawing("TIFF"), "not_an_image"),
    "42 ICO": (lambda: drawing("ICO"), "not_an_image"),
    "42 PPM": (lambda: drawing("PPM"), "not_an_image"),
    "42 JPEG 2000": (lambda: drawing("JPEG2000"), "not_an_image"),
    "42 AVIF": (lambda: drawing("AVIF", "RGB"), "not_an_image"),
    "42 PDF": (lambda: drawing("PDF"), "not_an_image"),
    "42 EPS": (lambda: drawing("EPS"), "not_an_image"),
    "45 a comment of 200 MB": (hostile.text_bomb, "not_an_image"),
    "45 a colour profile of 200 MB": (hostile.profile_bomb, "not_an_image"),
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
} | HOSTILE


def as_upload(make):
    return lambda: upload(make())


REFUSED |= {name: (as_upload(make), code) for name, (make, code) in PICTURES.items()}


@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_at_little_cost_and_leaves_nothing(server, make, code):
    content, before = make(), server.kept()
    with server.cost() as cost:
        answer = send(server.port, content, end=code == "cut_short")
    assert (answer.status, answer.body["code"]) == (404, code)
    assert answer.body["detail"]
    assert server.kept() == before
    assert cost.cpu_s < CPU_S
    assert cost.megabytes < MEGABYTES
    assert_clean(cost.log, f" 404 {code}")


def assert_clean(log: list[str], says: str) -> None:
    """One line, with nothing in it that a terminal or a reader of logs could take for more."""
    assert len(log) == 1, log
    assert says in log[0]
    assert log[0].isprintable()


@pytest.mark.parametrize("length", ["-5", "many", "5, 6"])
def test_15_a_length_that_is_none_is_refused_by_the_server_itself(server, length):
    before = server.kept()
    assert send(server.port, request(form(part(SEVEN)), length=length)).status == 400
    assert server.kept() == before


def with_fill_bytes(photo: bytes) -> bytes:
    """A JPEG with 15 MB of them before its second marker."""
    return photo[:2] + b"\xff" * 15_000_000 + photo[2:]


ACCEPTED = {
    "18 plain body called gzip": lambda: upload(SEVEN, "Content-Encoding: gzip"),
    "18 base64": lambda: upload(base64.encodebytes(SEVEN), head=BASE64),
    "19 Accept: image/png": lambda: upload(SEVEN, "Accept: image/png"),
    "19 Accept: ;;;": lambda: upload(SEVEN, "Accept: ;;;"),
    "19 Accept: */*": lambda: upload(SEVEN, "Accept: */*"),
    "19 Accept: nothing": lambda: upload(SEVEN, "Accept:"),
    "19 Accept: XML, oddly": lambda: upload(SEVEN, "Accept: application/xml;q=x"),
    "19 format=xml": lambda: upload(SEVEN, path="/mnist/classify?format=xml"),
    "24 a text of the same name": lambda: request(form(part(SEVEN), part(b"x", TEXT % "image"))),
    "26 ../../etc/passwd": lambda: upload(SEVEN, head=named('filename="../../etc/passwd"')),
    "26 ..\\x.png": lambda: upload(SEVEN, head=named('filename="..\\\\x.png"')),
    "26 entities": lambda: upload(SEVEN, head=named('filename="&#46;&#46;/x.png"')),
    "28 NUL": lambda: upload(SEVEN, head=named(b'filename="a\0b.png"')),
    "28 %00": lambda: upload(SEVEN, head=named("filename*=UTF-8''a%00b.png")),
    "28 CR LF": lambda: upload(SEVEN, head=named("filename*=UTF-8''a%0D%0AINFO%20forged.png")),
    "29 300 letters": lambda: upload(SEVEN, head=named(f'filename="{"a" * 300}.png"')),
    "29 only an extension": lambda: upload(SEVEN, head=named('filename=".png"')),
    "29 no extension": lambda: upload(SEVEN, head=named('filename="seven"')),
    "29 IMG.JPG": lambda: upload(SEVEN, head=named('filename="IMG.JPG"')),
    "29 a.png.html": lambda: upload(SEVEN, head=named('filename="a.png.html"')),
    "29 right to left": lambda: upload(SEVEN, head=named('filename="a\u202egnp.exe"')),
    "30 a tag": lambda: upload(SEVEN, head=named('filename="<img src=x onerror=alert(1)>.png"')),
    "30 a formula": lambda: upload(SEVEN, head=named('filename="=cmd().png"')),
    "31 called HTML": lambda: upload(SEVEN, head=NAMED + "\r\nContent-Type: text/html"),
    "43 animation cut short": lambda: upload(hostile.cut_animation(SEVEN)),
    "45 small XMP": lambda: upload(hostile.with_text(SEVEN, b"XML:com.adobe.xmp\0\0\0\0\0<x/>")),
    "46 EXIF with a place": lambda: upload(hostile.with_place(SEVEN)),
    "69 fill bytes": lambda: upload(with_fill_bytes(hostile.with_place(SEVEN))),
    "58 another method on top": lambda: upload(SEVEN, "X-HTTP-Method-Override: DELETE"),
} | {name: as_upload(lambda make=make: make(drawing_of(7))) for name, make in ODD.items()}


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_odd_but_valid_is_read_and_kept(server, make):
    content, (rows, files) = make(), server.kept()
    with server.cost() as cost:
        answer = send(server.port, content)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body["digit"] == 7
    assert server.kept() == (rows + 1, files + 1)
    assert re.fullmatch(r"uploads/\d{4}/\d\d/\d\d/[0-9a-f]{32}\.(png|jpg|webp)", server.newest())
    assert cost.cpu_s < CPU_S_KEPT
    assert cost.megabytes < MEGABYTES_KEPT + BYTES_A_PIXEL * megapixels(content)
    assert not cost.log


def megapixels(content: bytes) -> float:
    """The pixels of the largest odd picture; of the others it is as good as none."""
    return 12 if len(content) > 1_000_000 else 0


def strokes(*lines: list) -> bytes:
    """A drawing of lines in dark ink."""
    picture = Image.new("L", (300, 300), 250)
    for line in lines:
        ImageDraw.Draw(picture).line(line, fill=20, width=14, joint="curve")
    return hostile.encoded(picture, "PNG")


NOT_A_DIGIT = {
    "56 letter": lambda: strokes([60, 250, 60, 50, 150, 150, 240, 50, 240, 250]),
    "56 face": lambda: hostile.encoded(face(), "PNG"),
    "56 two digits": lambda: hostile.encoded(beside(SEVEN, "3_paint.png"), "PNG"),
    "56 scribble": lambda: strokes([30, 40, 260, 60, 40, 110, 270, 150, 50, 190, 250, 260, 20, 20]),
}


def face() -> Image.Image:
    picture = Image.new("L", (300, 300), 250)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 30, 270, 270), outline=20, width=12)
    for x in (100, 180):
        draw.ellipse((x, 100, x + 25, 125), fill=20)
    draw.arc((90, 140, 210, 220), 20, 160, fill=20, width=12)
    return picture


def beside(one: bytes, other: str) -> Image.Image:
    pictures = [Image.open(io.BytesIO(one)), Image.open(DIGITS / other)]
    sheet = Image.new("L", (700, 300), 255)
    for left, picture in zip((20, 380), pictures, strict=True):
        sheet.paste(picture.convert("L").resize((280, 280)), (left, 10))
    return sheet


@pytest.mark.parametrize("make", NOT_A_DIGIT.values(), ids=NOT_A_DIGIT)
def test_what_is_no_digit_is_uncertain_and_waits_for_review(server, make):
    answer = send(server.port, upload(make()))
    assert (answer.status, answer.body["status"]) == (200, "uncertain")
    assert answer.body["reason"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "FOO"])
def test_57_other_methods_are_told_which_one_is_right(server, method):
    answer = send(server.port, request(method=method))
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01 hello", b"AB\rERROR: \x1b[31m /mnist/classify HTTP/1.1"]
)
def test_what_is_not_http_is_a_400_and_is_not_logged(server, sent):
    before = server.output()
    assert send(server.port, sent + b"\r\n\r\n").status == 400
    assert server.output() == before


@pytest.mark.parametrize("path", ["/mnist/classify/", "/MNIST/classify", "//mnist/classify"])
def test_59_another_path_is_a_404_in_json(server, path):
    before = server.kept()
    answer = send(server.port, upload(SEVEN, path=path))
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert server.kept() == before


def test_60_another_host_is_refused_and_nothing_is_kept(server):
    before = server.kept()
    with server.cost() as cost:
        answer = send(server.port, upload(SEVEN, host="evil.example"))
    assert (answer.status, answer.body["code"]) == (400, "bad_host")
    assert server.kept() == before
    assert_clean(cost.log, "evil.example")


def test_61_staff_logged_into_the_admin_need_no_csrf_token(server):
    cookie = f"Cookie: sessionid={server.session_of('admin')}"
    assert send(server.port, upload(SEVEN, cookie)).status == 200


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A site where uploads need a key."""
    folder = tmp_path_factory.mktemp("locked")
    with Server(folder, workers=1, MNIST_REQUIRE_KEY="1") as running:
        yield running


@pytest.mark.parametrize("sent", ["Basic !!!", "Bearer unknown", "Bearer mnist_00000000_x"])
def test_62_credentials_that_are_none_matter_only_where_keys_are_required(server, locked, sent):
    content = upload(SEVEN, f"Authorization: {sent}")
    assert send(server.port, content).status == 200
    before = locked.kept()
    answer = send(locked.port, content)
    assert (answer.status, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert locked.kept() == before


TODAY = datetime.now(UTC).date()
KEYS = {
    "expired": ("", "expires_at = '2020-01-01'", 401, "unusable_key"),
    "revoked": ("", "revoked_at = '2020-01-01'", 401, "unusable_key"),
    "wrong scope": ("--scopes=read", "name = 'reader'", 403, "wrong_scope"),
    "over quota": (
        "--quota=1",
        f"counted = 1, counted_on = '{TODAY}'",
        429,
        "over_quota",
    ),
}


@pytest.mark.parametrize(("option", "facts", "status", "code"), KEYS.values(), ids=KEYS)
def test_63_a_key_that_may_not_is_told_why(locked, option, facts, status, code):
    key = locked.manage("create_api_key", "robot", "--owner=admin", *option.split()).strip()
    locked.execute(f"update classifier_apikey set {facts} where name = 'robot'")
    before = locked.kept()
    headers = f"Authorization: Bearer {key}", "X-Forwarded-For: 192.0.2.7"
    answer = send(locked.port, upload(SEVEN, *headers))
    assert (answer.status, answer.body["code"]) == (status, code)
    assert locked.kept() == before
    assert key not in locked.output()
    locked.execute("update classifier_apikey set name = 'done'")


def test_64_the_same_file_twice_makes_two_rows_and_two_files(server):
    rows, files = server.kept()
    ids = {send(server.port, upload(SEVEN)).body["id"] for _ in range(2)}
    assert len(ids) == 2
    assert server.kept() == (rows + 2, files + 2)


def test_every_row_of_the_list_is_tested():
    here = {int(re.match(r"\d+", name)[0]) for name in (*REFUSED, *ACCEPTED, *NOT_A_DIGIT)}
    here |= {int(name) for name in re.findall(r"def test_(\d+)_", Path(__file__).read_text())}
    elsewhere = {17, 65, 66}
    assert here | elsewhere == set(range(1, 74))
