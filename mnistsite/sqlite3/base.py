"""Django's SQLite, which notices when one of its files was moved, removed or replaced.

SQLite itself goes on writing to the files that it opened: uploads would be answered, and their
rows be in a file that has no name any more, or is somebody's backup. It loses what is in a removed
`-wal` as well, and that may be the latest 900 uploads.
"""

import fcntl
import os
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from functools import cache, lru_cache

from django.db.backends.sqlite3 import base

from .files import Files, identity, is_empty

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
    """Compares the files at its path with those it opened: once a request, and once a transaction.

    The first is what Django's CONN_HEALTH_CHECKS asks for; the second is for what runs longer
    than a request, such as a batch.
    """

    _files: Files | None = None  # what was opened last; None: nothing yet
    _real_path = ""
    _lost_wal = False  # whether the last connection ended because its -wal was gone

    def get_new_connection(self, conn_params):
        if self.is_in_memory_db():
            return super().get_new_connection(conn_params)
        path = self.settings_dict["NAME"]
        if self._files and not identity(path):
            raise base.Database.OperationalError("the database file is gone")
        self._real_path = os.path.realpath(path)
        self._wait_for_the_others()
        connection = super().get_new_connection(conn_params)
        try:
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")  # opens the other two files
            if self._lost_wal:
                checkpoint(connection)
        except BaseException:
            connection.close()
            raise
        self._files, self._lost_wal = self._there(), False
        with _lock:
            _wrappers.add(self)
        return connection

    def _wait_for_the_others(self):
        """Open nothing while another thread has a connection to this file and a removed -shm.

        SQLite would use the removed one for the new connection, too, but other processes a new
        one: nothing would keep them from writing at once. The other threads notice with their
        next request. Raises OperationalError.
        """
        there = self._there()
        with _lock:
            others = [each for each in _wrappers if each is not self and each.connection]
        for each in others:
            if each._files.main == there.main and each._files.shm != there.shm:
                raise base.Database.OperationalError("files of the database were removed")

    def set_autocommit(self, autocommit, *args, **kwargs):
        if not autocommit:
            self.health_check_done = False
        super().set_autocommit(autocommit, *args, **kwargs)

    def is_usable(self):
        return self.is_in_memory_db() or self._files == self._there()

    def close(self):
        if self.connection is not None and self._files is not None:
            self._keep_what_is_in_a_removed_wal()
        super().close()

    def _keep_what_is_in_a_removed_wal(self):
        """Copy what was committed to a -wal without a name into the database, if it is safe.

        It is not once somebody has begun another -wal with another -shm: their changes do not
        know of ours. With the same -shm, SQLite fails if somebody else has done this already.
        """
        there = self._there()
        if there.main != self._files.main or there.wal == self._files.wal:
            return
        self._lost_wal = True
        if there.shm == self._files.shm or is_empty(f"{self._real_path}-wal"):
            with suppress(base.Database.Error):
                checkpoint(self.connection)

    def _there(self) -> Files:
        return Files.at(self.settings_dict["NAME"], self._real_path)

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


_wrappers = weakref.WeakSet()  # of all threads, that have had a connection to a file
_lock = threading.Lock()


def checkpoint(connection: base.Database.Connection) -> None:
    """Copy all of the -wal into the database, and begin it anew. Raises OperationalError.

    TRUNCATE leaves nothing in the file: connections that still have it open would fail to read
    from it, rather than read what is not valid any more.
    """
    _, frames, copied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if frames != copied:
        raise base.Database.OperationalError("the -wal of the database is in use")


@cache
def _turns(path: str) -> int:
    """The file that the process whose turn it is has locked; opened once by each."""
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
