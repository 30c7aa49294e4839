"""The first look at an upload: its structure, before anything is decoded."""

from .formats import FORMATS
from .formats.base import Header, InvalidImage

__all__ = ["FORMATS", "Header", "InvalidImage", "inspect"]


def inspect(upload: bytes) -> Header:
    """Check the structure of a picture; decode nothing.

    Raises InvalidImage: `empty`, `not_an_image`, `too_complex`, `too_many_pixels`, `too_small`,
    `too_narrow`.
    """
    if not upload:
        raise InvalidImage("empty", "The file is empty.")
    for each in FORMATS.values():
        if each.magic.match(upload):
            return each.scan(upload)
    raise InvalidImage("not_an_image", f"Expected a picture, one of {', '.join(FORMATS)}.")
