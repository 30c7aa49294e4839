"""Where uploads are kept: in local files, unless settings name another storage."""

import contextlib
import os
import re
import uuid

from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone

FRESH = re.compile(r"uploads/\d{4}/\d\d/\d\d/[0-9a-f]{32}\.[a-z]{3,4}")


def fresh_name(extension: str) -> str:
    """A random name in the day's folder: what the client called its file leads nowhere."""
    return f"uploads/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}.{extension}"


class UploadStorage(FileSystemStorage):
    """Files that are whole or not there at all, also when the server is killed.

    The content is written beside its place under another name, then renamed.
    """

    def save(self, name, content, max_length=None):
        """A fresh name is ours, and random: nobody needs to look at it, or whether it is taken."""
        if FRESH.fullmatch(name):
            return self._save(name, content)
        return super().save(name, content, max_length)

    def path(self, name):
        """A fresh name leads into this storage, which need not be worked out."""
        return f"{self.location}/{name}" if FRESH.fullmatch(name) else super().path(name)

    def _save(self, name, content):
        path = self.path(name)
        partial = "{}/.{}.partial".format(*os.path.split(path))
        try:
            with _create(partial) as file:
                for chunk in content.chunks():
                    file.write(chunk)
            os.rename(partial, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)
            raise
        return name


def _create(path: str):
    """Open a file that is not there yet; its folder is made when it is found missing."""
    try:
        return open(path, "xb")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "xb")


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
