"""Uploads whose digit a person has told: what training learns from and the gate asks about.

THE JOINT between versions and corrections: `reviewed_uploads` is the only function here that
knows how corrections are kept. It takes the model `Correction`, with its fields `prediction`
and `label` (0-9, or None for "not a digit"), where there is one, and gives nothing otherwise.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.apps import apps
from django.core.files.storage import default_storage

NOT_A_DIGIT = 10  # as the eleventh output of a network
HELD_OUT_OF = 5  # of so many uploads, one is never trained on


class Reviewed(NamedTuple):
    """An upload in storage, and what it shows: 0-9, or NOT_A_DIGIT."""

    path: str
    label: int
    sha256: bytes


def reviewed_uploads() -> list[Reviewed]:
    """The uploads that were corrected or confirmed, the oldest review first; the latest counts."""
    try:
        corrections = apps.get_model("classifier", "Correction")
    except LookupError:
        return []
    latest = {}
    told = corrections.objects.order_by("id").values_list(
        "prediction__upload", "label", "prediction__sha256"
    )
    for path, label, sha256 in told.iterator():
        label = NOT_A_DIGIT if label is None else label
        latest[path] = Reviewed(path, label, bytes(sha256))
    return list(latest.values())


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
