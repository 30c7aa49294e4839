"""The formats that are read, in one table; a module for each. Nothing else decodes an upload."""

from . import bmp, jpeg, png, webp
from .base import Format

FORMATS = {
    "PNG": Format(png.MAGIC, png.scan, png.pixels),
    "JPEG": Format(jpeg.MAGIC, jpeg.scan, jpeg.pixels),
    "WEBP": Format(webp.MAGIC, webp.scan, webp.pixels),
    "BMP": Format(bmp.MAGIC, bmp.scan, bmp.pixels),
}
