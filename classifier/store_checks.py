"""What stands in the way of storing an upload. Nothing that is written here stays.

Each check raises CannotStore, with a sentence that anyone may read; paths and addresses are only
in its cause, which is for the log.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

from .history import LastUpload
from .storage import is_local

LOCK_TIMEOUT_MS = 1000
PROBE_EVERY_S = 10.0  # a file is written to see that it can be
PROBE_BYTES = 4096
FAILED_UPLOAD_COUNTS_S = 10.0  # longer, and a process that gets no upload would never recover


class CannotStore(RuntimeError):
    """Uploads cannot be stored; the message says why."""


def check_database() -> None:
    """See whether a row could be written now: begin a write, and take it back."""
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
        with transaction.atomic():  # of SQLite it takes the lock that a write needs
            if connection.vendor == "postgresql" and _is_read_only():
                raise CannotStore("The database is read-only.")
            transaction.set_rollback(True)
    except DatabaseError as error:
        locked = "locked" in str(error)
        raise CannotStore(
            "The database is locked by another process."
            if locked
            else "The database does not answer, or cannot be written to."
        ) from error


def _is_read_only() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return cursor.fetchone() == ("on",)


def check_disks() -> None:
    """See whether there is room for more rows and more files."""
    for what, folder in (("database", _database_folder()), ("uploads", _upload_folder())):
        if folder and shutil.disk_usage(folder).free < settings.MNIST_MIN_FREE_BYTES:
            least = settings.MNIST_MIN_FREE_BYTES >> 20
            raise CannotStore(f"The disk of the {what} is full: less than {least} MB are free.")


def _database_folder() -> Path | None:
    path = Path(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else None
    return path.parent if path and path.is_file() else None


def _upload_folder() -> Path | None:
    """Where local uploads go, or the folder in which that one is going to be made."""
    if not is_local():
        return None
    folder = Path(default_storage.path("uploads"))
    return next(each for each in (folder, *folder.parents) if each.exists())


class FolderCheck:
    """See whether a file can be written among the uploads: tried now and then, else looked up."""

    def __init__(self) -> None:
        self._probed_at = float("-inf")

    def __call__(self) -> None:
        folder = _upload_folder()
        if folder is None:
            return
        try:
            if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
                raise NotADirectoryError(f"{folder} is no folder that this process can write to")
            if time.monotonic() > self._probed_at + PROBE_EVERY_S:
                _write_a_file(folder)
                self._probed_at = time.monotonic()
        except OSError as error:
            self._probed_at = float("-inf")
            raise CannotStore("The folder of uploads cannot be written to.") from error


def _write_a_file(folder: Path) -> None:
    """Write a file that has no name where the system can do that, so that no kill leaves it."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(bytes(PROBE_BYTES))


def check_last_upload() -> None:
    """See whether the last upload of this process could be stored."""
    failed_at = LastUpload.failed_at
    if failed_at is not None and time.monotonic() < failed_at + FAILED_UPLOAD_COUNTS_S:
        raise CannotStore("The last upload could not be stored.")
