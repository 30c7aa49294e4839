"""Uploads whose digit a person has told: what training learns from and the gate asks about.

THE JOINT between versions and corrections: `reviewed_uploads` is the only function here that
knows how corrections are kept. It takes the model `Correction`, with its fields `prediction`
and `label` (0-9, or None for "not a digit"), where there is one, and gives nothing otherwise.
"""

import hashlib
from typing import NamedTuple

from django.apps import apps
from django.core.files.storage import default_storage

NOT_A_DIGIT = 10  # as the eleventh output of a network
HELD_OUT_OF = 5  # of so many uploads, one is never trained on


class Reviewed(NamedTuple):
    """An upload in storage, and what it shows: 0-9, or NOT_A_DIGIT."""

    path: str
    label: int


def reviewed_uploads() -> list[Reviewed]:
    """The uploads that were corrected or confirmed, the oldest review first; the latest counts."""
    try:
        corrections = apps.get_model("classifier", "Correction")
    except LookupError:
        return []
    labels = {}
    told = corrections.objects.order_by("id").values_list("prediction__upload", "label")
    for path, label in told.iterator():
        labels[path] = NOT_A_DIGIT if label is None else label
    return [Reviewed(*each) for each in labels.items()]


def held_out(most: int) -> list[tuple[bytes, int]]:
    """The newest pictures, with their labels, that no training may see."""
    found = []
    for each in reversed(reviewed_uploads()):
        content = read(each.path)
        if content is not None and is_held_out(content):
            found.append((content, each.label))
        if len(found) == most:
            break
    return found


def to_learn() -> list[tuple[bytes, int]]:
    """All other pictures with their labels."""
    pictures = ((read(each.path), each.label) for each in reviewed_uploads())
    return [
        (content, label)
        for content, label in pictures
        if content is not None and not is_held_out(content)
    ]


def is_held_out(content: bytes) -> bool:
    """Which side of the split a picture is on: always the same one, however often it was sent."""
    return int.from_bytes(hashlib.sha256(content).digest()[:4]) % HELD_OUT_OF == 0


def read(path: str) -> bytes | None:
    """An upload's bytes; None when it was erased."""
    try:
        with default_storage.open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
