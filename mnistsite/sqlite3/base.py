"""Django's SQLite, that notices when its file has been moved away or another put in its place.

SQLite itself goes on writing to the file that it opened: uploads would be answered, and their
rows be in a file that has no name any more, or is somebody's backup.
"""

import fcntl
import os
import time
from contextlib import contextmanager
from functools import cache, lru_cache

from django.db.backends.sqlite3 import base

LOOK_EVERY_S = 0.00005
LOOKS = 200


class Cursor(base.SQLiteCursorWrapper):
    """Writes a statement's parameters as SQLite has them once, not each time it is run."""

    def convert_query(self, query, *, param_names=None):
        if param_names is None:
            return with_question_marks(query)
        return super().convert_query(query, param_names=param_names)


@lru_cache(maxsize=512)
def with_question_marks(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks once a request, by the hook that Django has for it: CONN_HEALTH_CHECKS."""

    _file: tuple[int, int] | None = None  # what was opened last; None: nothing yet, or in memory

    def get_new_connection(self, conn_params):
        if self._file and not self._there():
            raise base.Database.OperationalError("the database file is gone")
        connection = super().get_new_connection(conn_params)
        self._file = self._there()
        return connection

    def create_cursor(self, name=None):
        return self.connection.cursor(factory=Cursor)

    @contextmanager
    def writers_turn(self):
        """Wait for another process that is in its turn, too, before writing.

        SQLite would do so by itself, but looks again only after a millisecond, then two, then
        five, while a row takes 60 microseconds: a tenth of the time was spent asleep. Nothing
        depends on this; when it takes long, SQLite's own way of waiting goes on from here.
        """
        if self.is_in_memory_db():
            yield
            return
        turns = _turns(f"{self.settings_dict['NAME']}-turn")
        for _ in range(LOOKS):
            try:
                fcntl.flock(turns, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOOK_EVERY_S)
        try:
            yield
        finally:
            fcntl.flock(turns, fcntl.LOCK_UN)

    def is_usable(self):
        return self._file == self._there()

    def _there(self) -> tuple[int, int] | None:
        """Which file is at the database's path now."""
        try:
            found = os.stat(self.settings_dict["NAME"])
        except OSError:
            return None
        return found.st_dev, found.st_ino


@cache
def _turns(path: str) -> int:
    """The file that the process whose turn it is has locked; opened once by each."""
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
