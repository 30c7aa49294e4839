"""The history: one file and one row for each upload that was read, or neither."""

import hashlib
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import cache
from typing import NamedTuple

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.utils import timezone

from . import metrics, registry
from .circuit_breaker import CircuitBreaker, CircuitOpen
from .inference import Guess
from .models import ApiKey, Prediction
from .storage import fresh_name

EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp"}
FIELDS = [field for field in Prediction._meta.concrete_fields if not field.primary_key]
COLUMNS = [field.attname for field in FIELDS]
ALL_COLUMNS = [Prediction._meta.pk.attname, *COLUMNS]
FASTEST = 1  # of zlib's levels: two thirds of the time of the usual one, for a fifteenth more
ROWS_AT_ONCE = 16  # in one statement; more take no less time for each, and SQLite has a limit
# Locked or gone: the first upload waits for the timeout that the settings have, others do not.
database_breaker = CircuitBreaker(
    "The database of uploads", failures=(OperationalError, InterfaceError), pause_s=1, timeout_s=4.5
)


class Kept(NamedTuple):
    """What is in the history now. A model is made of it for those who need more of one."""

    id: int
    created_at: datetime
    row: dict

    def prediction(self) -> Prediction:
        """The row as the database would give it: Django makes that faster than a new one."""
        values = [self.row[name] for name in COLUMNS]
        prediction = Prediction.from_db(DEFAULT_DB_ALIAS, ALL_COLUMNS, [self.id, *values])
        prediction.created_at, prediction.version = self.created_at, self.row["version"]
        return prediction


class NotKept(RuntimeError):
    """An upload was read, but could not be stored; nothing of it is left."""


class LastUpload:
    """When an upload of this process could not be stored, if none has been stored since."""

    failed_at: float | None = None


@contextmanager
def _storing(failure: str) -> Iterator[None]:
    """Raise NotKept with this sentence when what is done inside cannot be stored."""
    try:
        yield
    except (OSError, DatabaseError) as error:
        LastUpload.failed_at = time.monotonic()
        raise NotKept(failure) from error
    except CircuitOpen as error:
        raise NotKept(failure) from error
    LastUpload.failed_at = None


os.register_at_fork(after_in_child=database_breaker.reset)


def keep(
    upload: bytes,
    guess: Guess,
    *,
    name: str = "",
    duration_us: int = 0,
    request_id: str = "",
    key: ApiKey | None = None,
) -> Kept:
    """Write an upload to storage and the row that points at it.

    Raises NotKept, and OverQuota when the key has uploaded what it may.
    """
    row = _row(upload, guess, name, duration_us, request_id, key)
    with _storing("The picture was read but could not be stored. Try again."):
        row["version"] = registry.row(guess.version)
        lap = metrics.Laps()
        kept = _store(row, upload, key)
        lap("store")
    metrics.note_answer(guess.digit, guess.reason, guess.version)
    return kept


@contextmanager
def keeping_many(
    answered: Sequence[tuple[bytes, Guess, str]],
    *,
    duration_us: int = 0,
    request_id: str = "",
    key: ApiKey | None = None,
) -> Iterator[list[Kept]]:
    """Keep uploads with their guesses and names, and what the caller adds, in one transaction.

    The files are written before it begins, so that nobody waits for them to write, and go
    again when it fails. Raises as `keep` does.
    """
    rows, paths = [], []
    with _storing("The pictures could not be stored. Try again."):
        try:
            for upload, guess, name in answered:
                row = _row(upload, guess, name, duration_us, request_id, key)
                row["version"] = registry.row(guess.version)
                row["upload"] = _save_file(upload, guess.format)
                paths.append(row["upload"])
                rows.append(row)
            with database_breaker.attempt(), transaction.atomic():
                if key:
                    key.count_uploads(len(rows))
                yield _insert(rows)
        except BaseException:
            for path in paths:
                default_storage.delete(path)
            raise
    for _, guess, _ in answered:
        metrics.note_answer(guess.digit, guess.reason, guess.version)


def _row(
    upload: bytes, guess: Guess, name: str, duration_us: int, request_id: str, key: ApiKey | None
) -> dict:
    """The columns of a row as they are stored, without what is only known when it is."""
    return {
        "sha256": hashlib.sha256(upload).digest(),
        "size": len(upload),
        "format": guess.format,
        "original_name": _printable(name),
        "digit": guess.digit,
        "confidence": guess.confidence,
        "probabilities_float32": guess.probabilities.astype(np.float32).tobytes(),
        "reason": guess.reason,
        "pixels_zlib": zlib.compress(guess.pixels.tobytes(), FASTEST),
        "duration_us": duration_us,
        "request_id": request_id,
        "key_id": key and key.pk,
        "label": None,
        "erased_at": None,
    }


def _store(row: dict, upload: bytes, key: ApiKey | None) -> Kept:
    """The file first, so that no row ever lacks its file; without its row the file goes again."""
    row["upload"] = _save_file(upload, row["format"])
    try:
        with database_breaker.attempt():
            return _add(row, key)
    except BaseException:
        default_storage.delete(row["upload"])
        raise


def _save_file(upload: bytes, format: str) -> str:
    return default_storage.save(fresh_name(EXTENSIONS[format]), ContentFile(upload))


def _add(row: dict, key: ApiKey | None) -> Kept:
    """The row, and with a quota the count of it: both or neither."""
    if key is None or key.daily_quota is None:
        return _insert([row])[0]
    with transaction.atomic():
        key.count_uploads()
        return _insert([row])[0]


def _insert(rows: Sequence[dict]) -> list[Kept]:
    """What `bulk_create` does, with SQL that is not composed anew each time."""
    database = connections[DEFAULT_DB_ALIAS]
    now = timezone.now()
    stamp = database.ops.adapt_datetimefield_value(now)
    write_lock = getattr(database, "write_lock", nullcontext)  # of SQLite, which has no queue
    kept = []
    with write_lock(), database.cursor() as cursor:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            values = []
            for row in some:
                row |= {"version_id": row["version"].pk, "created_at": stamp}
                values += [row[name] for name in COLUMNS]
            cursor.execute(_insertion(database.vendor, len(some)), values)
            keys = [key for (key,) in cursor.fetchall()]
            kept += [Kept(key, now, row) for key, row in zip(keys, some, strict=True)]
    return kept


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
