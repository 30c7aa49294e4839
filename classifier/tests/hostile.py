"""Uploads that nobody means well, generated."""

import io
import struct
import zlib

from PIL import Image

MAGIC = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def chunks(png: bytes):
    """The chunks of a good PNG: the kind and the content of each."""
    start = len(MAGIC)
    while start < len(png):
        (length,) = struct.unpack(">I", png[start : start + 4])
        yield png[start + 4 : start + 8], png[start + 8 : start + 8 + length]
        start += length + 12


def png_header(width: int, height: int, bits: int = 8) -> bytes:
    """The beginning of a grey PNG of this size, without a pixel."""
    return MAGIC + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))


def png_start(side: int) -> bytes:
    """A PNG of side x side pixels that ends where its pixels should begin."""
    return png_header(side, side) + chunk(b"IDAT", b"")


def png_bomb(side: int) -> bytes:
    """A whole, valid PNG of side x side black pixels in a few kilobytes."""
    row = bytes(1 + side // 8)
    squeeze = zlib.compressobj(9)
    pixels = b"".join([squeeze.compress(row * 1000) for _ in range(side // 1000)])
    pixels += squeeze.compress(row * (side % 1000)) + squeeze.flush()
    return png_header(side, side, bits=1) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def cut_animation(png: bytes) -> bytes:
    """The picture with a second frame that has no bytes: OpenCV 5.0.0 alone crashes on it."""
    header, end = len(MAGIC) + 25, len(png) - 12
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 131, 197, 75, 33, 1, 10, 0, 0))
    frames = chunk(b"acTL", struct.pack(">II", 2, 0))
    return png[:header] + frames + png[header:end] + frame + chunk(b"fdAT", b"") + png[end:]


def text_bomb(megabytes: int = 200) -> bytes:
    """A PNG with a compressed comment that unpacks to this many megabytes."""
    text = b"comment\0\0" + zlib.compress(bytes(megabytes * 1_000_000), 9)
    pixels = chunk(b"IDAT", zlib.compress(bytes(29 * 28)))
    return png_header(28, 28) + chunk(b"zTXt", text) + pixels + chunk(b"IEND", b"")


def profile_bomb(megabytes: int = 200) -> bytes:
    """A PNG with a colour profile that unpacks to this many megabytes."""
    profile = b"profile\0\0" + zlib.compress(bytes(megabytes * 1_000_000), 9)
    pixels = chunk(b"IDAT", zlib.compress(bytes(29 * 28)))
    return png_header(28, 28) + chunk(b"iCCP", profile) + pixels + chunk(b"IEND", b"")


def with_text(png: bytes, text: bytes) -> bytes:
    """A PNG with an iTXt chunk after its header."""
    header = len(MAGIC) + 25
    return png[:header] + chunk(b"iTXt", text) + png[header:]


def with_place(png: bytes) -> bytes:
    """The picture as a JPEG whose EXIF says where it was taken, in 60 kB."""
    exif = Image.Exif()
    exif[0x9286] = b"x" * 60_000  # the user's comment
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return encoded(Image.open(io.BytesIO(png)).convert("L"), "JPEG", exif=exif)


def encoded(picture: Image.Image, format: str, **options) -> bytes:
    """A picture as a file's bytes."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def plain(grey: int, size=(28, 28)) -> bytes:
    """A PNG of one shade of grey."""
    return encoded(Image.new("L", size, grey), "PNG")


def flipped(content: bytes, position: int) -> bytes:
    """The same bytes with one bit of one byte turned."""
    broken = bytearray(content)
    broken[position] ^= 0x10
    return bytes(broken)
