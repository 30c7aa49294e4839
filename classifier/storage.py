"""Where uploads are kept: in local files, unless settings name another storage."""

import os
import uuid
from pathlib import Path

from django.core.files.storage import FileSystemStorage, default_storage


class UploadStorage(FileSystemStorage):
    """Files that are whole or not there at all, also when the server is killed.

    The content is written beside its place under another name, then renamed.
    """

    def _save(self, name, content):
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            with open(partial, "xb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            os.rename(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return name


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
