"""What ordinary programs write: Pillow's and OpenCV's encoders with their options, and phones."""

import io

import cv2
import numpy as np
from PIL import Image, ImageCms

from classifier.tests.hostile import encoded, with_place, with_text  # pure bytes; no Django in it

from .test_odd_pictures import interlaced

SIDES = 90, 120  # height and width


def colours() -> np.ndarray:
    """Blurred noise, (h, w, 4) uint8, opaque in one half."""
    noise = np.random.default_rng(0).integers(0, 256, (*SIDES, 4), dtype=np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    smooth[:, : SIDES[1] // 2, 3] = 255
    return smooth


def pillow(format: str, mode: str = "RGB", **options) -> bytes:
    return encoded(Image.fromarray(colours()).convert(mode), format, **options)


def deep(mode: str) -> bytes:
    """A PNG of 16 bits."""
    pixels = colours().astype(np.uint16) * 257
    pixels = pixels[..., : {"L": 1, "RGB": 3, "RGBA": 4}[mode]]
    return opencv(".png", pixels)


def opencv(extension: str, pixels: np.ndarray | None = None, *options: int) -> bytes:
    pixels = colours()[..., :3] if pixels is None else pixels
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def exif(orientation: int, comment: bytes = b"") -> Image.Exif:
    told = Image.Exif()
    told[0x0112] = orientation
    if comment:
        told[0x9286] = comment
    return told


def with_thumbnail() -> bytes:
    """A photo with a small JPEG in its EXIF, as cameras write it."""
    small = pillow("JPEG", quality=50)
    return pillow("JPEG", exif=exif(1, comment=small))


def mpo(format: str = "MPO") -> bytes:
    """Two pictures in one JPEG, as phones write them for depth and for portraits."""
    second = Image.new("RGB", (30, 30), "red")
    return pillow(format, save_all=True, append_images=[second])


def animated(format: str, mode: str) -> bytes:
    second = Image.fromarray(255 - colours()).convert(mode)
    return pillow(format, mode, save_all=True, append_images=[second])


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LONG_PROFILE = SRGB.ljust(200_000, b"\0")  # in four segments
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * 50_000 + b"</x:xmpmeta>"
GREY = "L"

ORDINARY = {
    **{f"JPEG {mode}": lambda mode=mode: pillow("JPEG", mode) for mode in (GREY, "RGB", "CMYK")},
    **{
        f"JPEG {option}": lambda option=option: pillow("JPEG", **{option: True})
        for option in ("progressive", "optimize", "keep_rgb")
    },
    **{
        f"JPEG sampling {number}": lambda number=number: pillow("JPEG", subsampling=number)
        for number in range(3)
    },
    "JPEG restarts": lambda: pillow("JPEG", restart_marker_rows=1),
    "JPEG progressive restarts": lambda: pillow("JPEG", progressive=True, restart_marker_blocks=2),
    "JPEG profile": lambda: pillow("JPEG", icc_profile=SRGB),
    "JPEG long profile": lambda: pillow("JPEG", icc_profile=LONG_PROFILE),
    "JPEG XMP": lambda: pillow("JPEG", xmp=XMP),
    "JPEG EXIF of 60 kB": lambda: with_place(pillow("PNG")),
    "JPEG thumbnail": with_thumbnail,
    "JPEG MPO": mpo,
    "JPEG trailing bytes": lambda: pillow("JPEG") + b"\xff\xd8\xff\xe1" + bytes(100_000),
    "JPEG comment": lambda: pillow("JPEG", comment=b"made by a scanner"),
    **{
        f"JPEG turned {number}": lambda number=number: pillow("JPEG", exif=exif(number))
        for number in range(1, 9)
    },
    "OpenCV JPEG": lambda: opencv(".jpg"),
    "OpenCV JPEG progressive": lambda: opencv(".jpg", None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "OpenCV JPEG restarts": lambda: opencv(".jpg", None, cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
    **{
        f"PNG {mode}": lambda mode=mode: pillow("PNG", mode)
        for mode in ("1", GREY, "LA", "P", "RGB", "RGBA")
    },
    **{f"PNG 16 bits {mode}": lambda mode=mode: deep(mode) for mode in (GREY, "RGB", "RGBA")},
    "PNG optimize": lambda: pillow("PNG", optimize=True),
    "PNG stored": lambda: pillow("PNG", compress_level=0),
    "PNG of 4 colours": lambda: encoded(Image.fromarray(colours()[..., :3]).quantize(4), "PNG"),
    "PNG transparent colour": lambda: pillow("PNG", "P", transparency=3),
    "PNG transparent grey": lambda: pillow("PNG", GREY, transparency=128),
    "PNG transparent RGB": lambda: pillow("PNG", transparency=(1, 2, 3)),
    "PNG interlaced": lambda: interlaced(colours()[..., 0]),
    "PNG profile": lambda: pillow("PNG", icc_profile=SRGB),
    "PNG XMP": lambda: with_text(pillow("PNG"), b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "PNG turned": lambda: pillow("PNG", exif=exif(6)),
    "PNG transparent, turned": lambda: pillow("PNG", "RGBA", exif=exif(8)),
    "PNG animated": lambda: animated("PNG", "RGBA"),
    "OpenCV PNG": lambda: opencv(".png"),
    "OpenCV PNG of 1 bit": lambda: opencv(".png", colours()[..., 0], cv2.IMWRITE_PNG_BILEVEL, 1),
    **{f"WebP {mode}": lambda mode=mode: pillow("WEBP", mode) for mode in ("RGB", "RGBA")},
    **{
        f"WebP lossless {mode}": lambda mode=mode: pillow("WEBP", mode, lossless=True)
        for mode in ("RGB", "RGBA")
    },
    "WebP animated": lambda: animated("WEBP", "RGB"),
    "WebP animated, transparent": lambda: animated("WEBP", "RGBA"),
    "WebP profile": lambda: pillow("WEBP", icc_profile=SRGB, xmp=XMP),
    "WebP turned": lambda: pillow("WEBP", exif=exif(6)),
    "OpenCV WebP": lambda: opencv(".webp"),
    **{f"BMP {mode}": lambda mode=mode: pillow("BMP", mode) for mode in ("1", GREY, "P", "RGB")},
    "BMP RGBA": lambda: pillow("BMP", "RGBA"),
    "OpenCV BMP": lambda: opencv(".bmp"),
    "OpenCV BMP with alpha": lambda: opencv(".bmp", colours()),
}


def as_pillow_reads(upload: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(upload))
    picture.load()
    return picture
