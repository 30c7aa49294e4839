"""The files of a SQLite database: those at its path now, to compare with those that are open."""

import os
from typing import NamedTuple

Identity = tuple[int, int]  # device and inode


class Files(NamedTuple):
    """Which files make up a database: None for one that is not there."""

    main: Identity | None
    wal: Identity | None  # what was committed since the last checkpoint
    shm: Identity | None  # the locks, and where to find what in the -wal

    @classmethod
    def at(cls, path: str, real_path: str) -> "Files":
        """The files at a path now. SQLite resolves links before it names the other two."""
        return cls(identity(path), identity(f"{real_path}-wal"), identity(f"{real_path}-shm"))


def identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_empty(path: str) -> bool:
    """Whether there is no file at a path, or one without a byte."""
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return True
