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
    pk: int = 0


class Picture(NamedTuple):
    """An upload's bytes, what it shows, and its key in the history."""

    content: bytes
    label: int
    pk: int = 0


def reviewed_uploads() -> list[Reviewed]:
    """The uploads that were corrected or confirmed, and not erased, the oldest first."""
    told = Prediction.objects.filter(label__isnull=False, erased_at=None).order_by("id")
    rows = told.values_list("upload", "label", "sha256", "pk").iterator()
    return [Reviewed(path, label, bytes(sha256), pk) for path, label, sha256, pk in rows]


def held_out(most: int) -> list[Picture]:
    """The newest pictures that no training may see."""
    chosen = [each for each in reversed(reviewed_uploads()) if is_held_out(each)]
    return list(islice(_pictures(chosen), most))


def to_learn() -> list[Picture]:
    """All other pictures."""
    return list(_pictures(each for each in reviewed_uploads() if not is_held_out(each)))


def is_held_out(upload: Reviewed) -> bool:
    """Which side of the split a picture is on: always the same one, however often it was sent."""
    return int.from_bytes(upload.sha256[:4]) % HELD_OUT_OF == 0


def _pictures(uploads: Iterable[Reviewed]) -> Iterator[Picture]:
    """Those uploads that are still there."""
    for each in uploads:
        content = read(each.path)
        if content is not None:
            yield Picture(content, each.label, each.pk)


def read(path: str) -> bytes | None:
    """An upload's bytes; None when it was erased."""
    try:
        with default_storage.open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
