"""Uploads whose digit a person has told: what training learns from and the gate asks about.

The joint between versions and corrections: `reviewed_uploads` is the only function here that
knows how corrections are kept, as the `label` of a prediction.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.core.files.storage import default_storage

from .models import Prediction

HELD_OUT_OF = 5  # of so many uploads, one is never trained on


class Reviewed(NamedTuple):
    """An upload in storage, and what it shows: 0-9, or NOT_A_DIGIT."""

    path: str
    label: int
    sha256: bytes


def reviewed_uploads() -> list[Reviewed]:
    """The uploads that were corrected or confirmed, and not erased, the oldest first."""
    told = Prediction.objects.filter(label__isnull=False, erased_at=None).order_by("id")
    rows = told.values_list("upload", "label", "sha256").iterator()
    return [Reviewed(path, label, bytes(sha256)) for path, label, sha256 in rows]


def held_out(most: int) -> list[tuple[bytes, int]]:
    """The newest pictures, with their labels, that no training may see."""
    chosen = [each for each in reversed(reviewed_uploads()) if is_held_out(each)]
    return list(islice(_contents(chosen), most))


def to_learn() -> list[tuple[bytes, int]]:
    """All other pictures with their labels."""
    return list(_contents(each for each in reviewed_uploads() if not is_held_out(each)))


def is_held_out(upload: Reviewed) -> bool:
    """Which side of the split a picture is on: always the same one, however often it was sent."""
    return int.from_bytes(upload.sha256[:4]) % HELD_OUT_OF == 0


def _contents(uploads: Iterable[Reviewed]) -> Iterator[tuple[bytes, int]]:
    """The bytes and the labels of those uploads that are still there."""
    for each in uploads:
        content = read(each.path)
        if content is not None:
            yield content, each.label


def read(path: str) -> bytes | None:
    """An upload's bytes; None when it was erased."""
    try:
        with default_storage.open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
