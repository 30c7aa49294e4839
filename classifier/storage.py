"""Where uploads are kept when they are kept in local files."""

import os
import uuid
from pathlib import Path

from django.core.files.storage import FileSystemStorage


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
