"""The history: one file and one row for each upload that was read, or neither."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.utils import timezone

from . import metrics, registry
from .inference import Guess
from .models import ApiKey, Prediction
from .storage import fresh_name

EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}
FIELDS = [field for field in Prediction._meta.concrete_fields if not field.primary_key]
COLUMNS = [field.attname for field in FIELDS]
FASTEST = 1  # of zlib's levels: two thirds of the time of the usual one, for a fifteenth more
ROWS_AT_ONCE = 16  # in one statement; more take no less time for each, and SQLite has a limit


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
            row.upload = _save_file(upload, row.format)
            paths.append(row.upload.name)
            rows.append(row)
        with transaction.atomic():
            if key:
                key.count_uploads(len(rows))
            _insert(rows)
            yield rows
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
        format=guess.format,
        original_name=_printable(name),
        digit=guess.digit,
        confidence=guess.confidence,
        probabilities_float32=guess.probabilities.astype(np.float32).tobytes(),
        reason=guess.reason,
        pixels_zlib=zlib.compress(guess.pixels.tobytes(), FASTEST),
        duration_us=duration_us,
        request_id=request_id,
        key=key,
    )


def _store(prediction: Prediction, upload: bytes) -> None:
    """The file first, so that no row ever lacks its file; without its row the file goes again."""
    path = _save_file(upload, prediction.format)
    try:
        prediction.upload = path
        _add(prediction)
    except BaseException:
        default_storage.delete(path)
        raise


def _save_file(upload: bytes, format: str) -> str:
    return default_storage.save(fresh_name(EXTENSIONS[format]), ContentFile(upload))


def _add(prediction: Prediction) -> None:
    """The row, and with a quota the count of it: both or neither."""
    if prediction.key is None or prediction.key.daily_quota is None:
        _insert([prediction])
        return
    with transaction.atomic():
        prediction.key.count_uploads()
        _insert([prediction])


def _insert(rows: Sequence[Prediction]) -> None:
    """What `bulk_create` does, with SQL that is not composed anew each time."""
    database = connections[DEFAULT_DB_ALIAS]
    now = database.ops.adapt_datetimefield_value(_stamp(rows))
    with database.cursor() as cursor:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            values = [value for row in some for value in _values(row, now)]
            cursor.execute(_insertion(database.vendor, len(some)), values)
            for row, (row.pk,) in zip(some, cursor.fetchall(), strict=True):
                row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _stamp(rows: Sequence[Prediction]) -> datetime:
    now = timezone.now()
    for row in rows:
        row.created_at = now
    return now


def _values(row: Prediction, created_at: str | datetime) -> list:
    """A row's columns as the database takes them; its fields would take ten times as long."""
    held = vars(row) | {"created_at": created_at, "upload": row.upload.name}
    return [held[name] for name in COLUMNS]


@cache
def _insertion(vendor: str, rows: int) -> str:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(quote(field.column) for field in FIELDS)
    values = ", ".join(["%s"] * len(FIELDS))
    return (
        f"INSERT INTO {quote(Prediction._meta.db_table)} ({columns}) "
        f"VALUES {', '.join([f'({values})'] * rows)} "
        f"RETURNING {quote(Prediction._meta.pk.column)}"
    )


def _printable(name: str) -> str:
    """A client's file name as text for one line: no control characters, at most 255 long."""
    return "".join(char if char.isprintable() else "?" for char in name)[:255]
