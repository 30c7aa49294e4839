"""Files that survive a power cut, where MNIST_DURABILITY asks for it.

With `fast` nothing here does anything: the operating system writes files to the disk within some
30 seconds. With `power-safe` a file and its name are on the disk before anybody is answered.
"""

import contextlib
import os

from django.conf import settings

_named = set()  # (path, inode) of folders whose own names are on the disk


def is_power_safe() -> bool:
    return settings.MNIST_DURABILITY == "power-safe"


def sync_file(file) -> None:
    """Wait until what was written to an open file is on the disk."""
    if is_power_safe():
        os.fsync(file.fileno())


def sync_name(path: str, root: str) -> None:
    """Wait until a file's name is on the disk, and those of the folders from the root on.

    A folder that another process has just made counts as well, so each process does this once for
    each folder.
    """
    if not is_power_safe():
        return
    reached = []
    while path != root:
        path = os.path.dirname(path)
        folder = path, _sync_folder(path)
        if folder in _named:
            break
        reached.append(folder)
    else:
        with contextlib.suppress(
            PermissionError
        ):  # a folder that we may not read was not created here
            _sync_folder(os.path.dirname(root))
    _named.update(reached)


def _sync_folder(path: str) -> int:
    """Wait until the names in a folder are on the disk; returns the folder's inode."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def sync_everything() -> None:
    """Wait until everything that was written on this machine is on the disk.

    For many files at once: to wait for each of a million takes hours.
    """
    if is_power_safe():
        os.sync()
