"""The history: one file and one row for each upload that was read, or neither."""

import hashlib
import uuid
import zlib
from collections.abc import Sequence

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.utils import timezone

from . import registry
from .inference import Guess, inspect
from .models import ApiKey, Prediction

EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}


class NotKept(RuntimeError):
    """An upload was read, but could not be stored; nothing of it is left."""


def keep(
    upload: bytes,
    guess: Guess,
    *,
    name: str = "",
    duration_us: int = 0,
    request_id: str = "",
    key: ApiKey | None = None,
) -> Prediction:
    """Write an upload to storage and the row that points at it. Raises NotKept."""
    prediction = _row(upload, guess, name)
    prediction.duration_us, prediction.request_id, prediction.key = duration_us, request_id, key
    try:
        prediction.version = registry.row(guess.version)
        _store(prediction, upload)
    except (OSError, DatabaseError) as error:
        raise NotKept("The picture was read but could not be stored. Try again.") from error
    return prediction


def keep_many(
    answered: Sequence[tuple[bytes, Guess, str]],
    *,
    duration_us: int = 0,
    request_id: str = "",
    key: ApiKey | None = None,
) -> list[Prediction]:
    """The same for uploads, their guesses and names: all are kept in one transaction, or none."""
    rows = [_row(*each) for each in answered]
    try:
        for row in rows:
            row.duration_us, row.request_id, row.key = duration_us, request_id, key
        for row, (_, guess, _) in zip(rows, answered, strict=True):
            row.version = registry.row(guess.version)
        _store_many(rows, [upload for upload, _, _ in answered])
    except (OSError, DatabaseError) as error:
        raise NotKept("The pictures were read but could not be stored. Try again.") from error
    return rows


def _row(upload: bytes, guess: Guess, name: str) -> Prediction:
    return Prediction(
        sha256=hashlib.sha256(upload).digest(),
        size=len(upload),
        format=inspect(upload).format,
        original_name=_printable(name),
        digit=guess.digit,
        confidence=guess.confidence,
        probabilities_float32=guess.probabilities.astype(np.float32).tobytes(),
        reason=guess.reason,
        pixels_zlib=zlib.compress(guess.pixels.tobytes()),
    )


def _store(prediction: Prediction, upload: bytes) -> None:
    """The file first, so that no row ever lacks its file; without its row the file goes again."""
    path = default_storage.save(_fresh_path(prediction.format), ContentFile(upload))
    try:
        prediction.upload = path
        prediction.save(force_insert=True)
    except BaseException:
        default_storage.delete(path)
        raise


def _store_many(rows: list[Prediction], uploads: list[bytes]) -> None:
    paths = []
    try:
        for row, upload in zip(rows, uploads, strict=True):
            path = default_storage.save(_fresh_path(row.format), ContentFile(upload))
            paths.append(path)
            row.upload = path
        with transaction.atomic():
            Prediction.objects.bulk_create(rows)
    except BaseException:
        for path in paths:
            default_storage.delete(path)
        raise


def _fresh_path(format: str) -> str:
    """A random name in the day's folder: what the client called its file leads nowhere."""
    return f"uploads/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}.{EXTENSIONS[format]}"


def _printable(name: str) -> str:
    """A client's file name as text for one line: no control characters, at most 255 long."""
    return "".join(char if char.isprintable() else "?" for char in name)[:255]
