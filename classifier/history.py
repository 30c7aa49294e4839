"""The history: one file and one row for each upload that was read, or neither."""

import hashlib
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.utils import timezone

from . import metrics, registry
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
    """Write an upload to storage and the row that points at it.

    Raises NotKept, and OverQuota when the key has uploaded what it may.
    """
    prediction = _row(upload, guess, name, duration_us, request_id, key)
    try:
        prediction.version = registry.row(guess.version)
        lap = metrics.Laps()
        _store(prediction, upload)
        lap("store")
    except (OSError, DatabaseError) as error:
        raise NotKept("The picture was read but could not be stored. Try again.") from error
    metrics.note_answer(guess.digit, guess.reason, guess.version)
    return prediction


@contextmanager
def keeping_many(
    answered: Sequence[tuple[bytes, Guess, str]],
    *,
    duration_us: int = 0,
    request_id: str = "",
    key: ApiKey | None = None,
) -> Iterator[list[Prediction]]:
    """Keep uploads with their guesses and names, and what the caller adds, in one transaction.

    The files are written before it begins, so that nobody waits for them to write, and go
    again when it fails. Raises as `keep` does.
    """
    rows, paths = [], []
    try:
        for upload, guess, name in answered:
            row = _row(upload, guess, name, duration_us, request_id, key)
            row.version = registry.row(guess.version)
            row.upload = default_storage.save(_fresh_path(row.format), ContentFile(upload))
            paths.append(row.upload.name)
            rows.append(row)
        with transaction.atomic():
            if key:
                key.count_uploads(len(rows))
            yield Prediction.objects.bulk_create(rows)
        for row in rows:
            metrics.note_answer(row.digit, row.reason, row.version.name)
    except BaseException as error:
        for path in paths:
            default_storage.delete(path)
        if isinstance(error, OSError | DatabaseError):
            raise NotKept("The pictures could not be stored. Try again.") from error
        raise


def _row(
    upload: bytes, guess: Guess, name: str, duration_us: int, request_id: str, key: ApiKey | None
) -> Prediction:
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
        duration_us=duration_us,
        request_id=request_id,
        key=key,
    )


def _store(prediction: Prediction, upload: bytes) -> None:
    """The file first, so that no row ever lacks its file; without its row the file goes again."""
    path = default_storage.save(_fresh_path(prediction.format), ContentFile(upload))
    try:
        prediction.upload = path
        _add(prediction)
    except BaseException:
        default_storage.delete(path)
        raise


def _add(prediction: Prediction) -> None:
    """The row, and with a quota the count of it: both or neither."""
    if prediction.key is None or prediction.key.daily_quota is None:
        prediction.save(force_insert=True)
        return
    with transaction.atomic():
        prediction.key.count_uploads()
        prediction.save(force_insert=True)


def _fresh_path(format: str) -> str:
    """A random name in the day's folder: what the client called its file leads nowhere."""
    return f"uploads/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}.{EXTENSIONS[format]}"


def _printable(name: str) -> str:
    """A client's file name as text for one line: no control characters, at most 255 long."""
    return "".join(char if char.isprintable() else "?" for char in name)[:255]
