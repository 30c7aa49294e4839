"""The folder that a backup is made in, and what is left of one whose process was killed.

Backups are hard links where that can be, so an unfinished one keeps files of uploads that were
erased since. It is removed by the next backup of the same name, and by `prune_media`, which finds
it by a note below MEDIA_ROOT.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from . import durability

NOTES = "backups"  # below MEDIA_ROOT: the paths of backups that are being made


class NotPossible(RuntimeError):
    """A backup cannot be made or restored here; the message says why, nothing was changed."""


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """An empty folder that becomes the backup when all goes well, and is removed when not.

    Raises NotPossible when the backup exists, or another process is making it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder = folder.parent.resolve() / folder.name
    with _held(folder), _noted(folder):
        if folder.exists():
            raise NotPossible(f"{folder} exists already. Nothing is overwritten.")
        partial = partial_of(folder)
        shutil.rmtree(partial, ignore_errors=True)  # a killed one's
        partial.mkdir()
        try:
            yield partial
            durability.sync_everything()
            os.rename(partial, folder)
            durability.sync_everything()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def abandoned() -> Iterator[Path]:
    """The folders of backups that were not finished and that no process is making."""
    for note in sorted(_notes().glob("*.path")):
        folder = Path(os.fsdecode(note.read_bytes()))
        if _is_abandoned(folder):
            yield partial_of(folder)


def _is_abandoned(folder: Path) -> bool:
    try:
        with _held(folder):
            return partial_of(folder).exists()
    except (NotPossible, OSError):  # it is being made, or its disk is not there
        return False


def remove_abandoned(partial: Path) -> None:
    """Remove what a killed process left of a backup, unless another is making it now."""
    folder = partial.with_name(partial.name.removeprefix(".").removesuffix(".partial"))
    with suppress(NotPossible), _held(folder):
        shutil.rmtree(partial)
        _note(folder).unlink(missing_ok=True)


def partial_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Be the only process with a backup of this name; a lock ends with its process.

    The lock file is removed at the end. A process that waited for the lock checks that the file
    still exists; otherwise two processes could lock two files of one name. Raises NotPossible.
    """
    path = folder.with_name(f".{folder.name}.lock")
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NotPossible(f"Another process is making {folder}.") from error
            if not _is_at(path, file):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(path: Path, file) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


# Notes, so that `prune_media` knows where to look


def _notes() -> Path:
    return Path(settings.MEDIA_ROOT) / NOTES


def _note(folder: Path) -> Path:
    return _notes() / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]}.path"


@contextmanager
def _noted(folder: Path) -> Iterator[None]:
    """Note where a backup is being made, where that can be: some have no local MEDIA_ROOT."""
    with suppress(OSError):
        _notes().mkdir(parents=True, exist_ok=True)
        _note(folder).write_bytes(os.fsencode(folder))
    try:
        yield
    finally:
        with suppress(OSError):
            _note(folder).unlink(missing_ok=True)
