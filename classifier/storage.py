"""Where uploads are kept: in local files, unless settings name another storage."""

import contextlib
import io
import os
import re
import secrets
from collections.abc import Iterable

from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone

from . import durability

FRESH = re.compile(r"uploads/\d{4}/\d\d/\d\d/[0-9a-f]{32}\.[a-z]{3,4}")


def fresh_name(extension: str) -> str:
    """A random name in the day's folder: what the client called its file leads nowhere."""
    return f"uploads/{timezone.now():%Y/%m/%d}/{secrets.token_hex(16)}.{extension}"


class UploadStorage(FileSystemStorage):
    """Files that are whole or not there at all, also when the server is killed.

    When `save` returns they survive a power cut as well, if MNIST_DURABILITY is "power-safe".

    The content is written beside its place under another name, then renamed. Only a fresh name
    needs no other: nobody knows it before the row, which is written after the file, and to rename
    it would take a tenth of an upload's time.
    """

    def save(self, name, content, max_length=None):
        """A fresh name is ours, and random: nobody needs to look at it, or whether it is taken."""
        if not FRESH.fullmatch(name):
            return super().save(name, content, max_length)
        path = self.path(name)
        with _removed_on_failure(path):
            _write(path, [content.read()])
            durability.sync_name(path, self.location)
        return name

    def path(self, name):
        """A fresh name leads into this storage, which need not be worked out."""
        return f"{self.location}/{name}" if FRESH.fullmatch(name) else super().path(name)

    def _save(self, name, content):
        path = self.path(name)
        partial = "{}/.{}.partial".format(*os.path.split(path))
        with _removed_on_failure(partial):
            _write(partial, content.chunks())
            os.rename(partial, path)
        with _removed_on_failure(path):
            durability.sync_name(path, self.location)
        return name


@contextlib.contextmanager
def _removed_on_failure(path: str):
    try:
        yield
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        raise


def _write(path: str, chunks: Iterable[bytes]) -> None:
    with _create(path) as file:
        for chunk in chunks:
            left = memoryview(chunk)
            while left:
                left = left[file.write(left) :]
        durability.sync_file(file)


def _create(path: str) -> io.RawIOBase:
    """Open a file that is not there yet; its folder is made when it is found missing.

    Without a buffer, for which the system would be asked two things more.
    """
    try:
        return open(path, "xb", buffering=0)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "xb", buffering=0)


def is_local() -> bool:
    """Whether the default storage keeps files on this machine."""
    try:
        default_storage.path("")
    except NotImplementedError:
        return False
    return True


def list_folder(path: str) -> tuple[list[str], list[str]]:
    """Folders and files in a folder of the default storage; none when it is not there."""
    try:
        return default_storage.listdir(path)
    except FileNotFoundError:
        return [], []
