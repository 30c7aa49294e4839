"""Django's SQLite, which notices when one of its files was moved, removed or replaced.

SQLite itself goes on writing to the files that it opened: uploads would be answered, and their
rows be in a file that has no name any more, or is somebody's backup. It loses what is in a removed
`-wal` as well, and that may be the latest 900 uploads.
"""

import fcntl
import logging
import os
import signal
import threading
import time
import weakref
from contextlib import contextmanager, suppress

from django.conf import settings
from django.db.backends.sqlite3 import base

from .files import Files, identity, is_empty

MAX_BLOCKED_SECONDS = 3.0

logger = logging.getLogger(__name__)


class DatabaseWrapper(base.DatabaseWrapper):
    """Compares the files at its path with those it opened: once a request, and once a transaction.

    The first is what Django's CONN_HEALTH_CHECKS asks for; the second is for what runs longer
    than a request, such as a batch.
    """

    _files: Files | None = None  # what was opened last; None: nothing yet
    _real_path = ""
    _lock_file: int | None = None  # one for each connection: threads queue, too
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
        next request. One that stays idle does not, so after a while a process that serves ends,
        and its server starts another. What was committed is in the database by then: whoever
        noticed first has copied it. Raises OperationalError.
        """
        there = self._there()
        with _lock:
            others = [each for each in _wrappers if each is not self and each.connection]
        if all(each._files.main != there.main or each._files.shm == there.shm for each in others):
            _blocked.clear()
            return
        _blocked.append(time.monotonic())
        if settings.MNIST_SERVING and _blocked[-1] > _blocked[0] + MAX_BLOCKED_SECONDS:
            logger.critical("Files of the database were removed. This process ends.")
            os.kill(os.getpid(), signal.SIGTERM)
        raise base.Database.OperationalError("files of the database were removed")

    def set_autocommit(self, autocommit, *args, **kwargs):
        if autocommit:
            super().set_autocommit(autocommit, *args, **kwargs)
            self._release_write_lock()
            return
        self.health_check_done = False
        self._acquire_write_lock()  # each transaction writes: its mode is IMMEDIATE
        try:
            super().set_autocommit(autocommit, *args, **kwargs)
        except BaseException:
            self._release_write_lock()
            raise

    @contextmanager
    def write_lock(self):
        """Queue for writing; for a single statement outside of a transaction.

        SQLite has one writer and no queue: who waits looks again after 1 to 100 ms. Beside four
        reviewers who saved as fast as they could, uploads waited up to 5 seconds. The system's
        locks of files are given in the order in which they are asked for.
        """
        if self.in_atomic_block:  # it has the lock
            yield
            return
        self._acquire_write_lock()
        try:
            yield
        finally:
            self._release_write_lock()

    def _acquire_write_lock(self):
        if not self.is_in_memory_db():
            if self._lock_file is None:
                name = f"{self.settings_dict['NAME']}-lock"
                self._lock_file = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)

    def _release_write_lock(self):
        if self._lock_file is not None:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def is_usable(self):
        return self.is_in_memory_db() or self._files == self._there()

    def close(self):
        if self.connection is not None and self._files is not None:
            self._keep_what_is_in_a_removed_wal()
        super().close()
        if self._lock_file is not None:
            os.close(self._lock_file)  # which releases it; a process forked from here gets its own
            self._lock_file = None

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


_wrappers = weakref.WeakSet()  # of all threads, that have had a connection to a file
_lock = threading.Lock()
_blocked: list[float] = []  # when a new connection had to wait, since the last that had not


def checkpoint(connection: base.Database.Connection) -> None:
    """Copy all of the -wal into the database, and begin it anew. Raises OperationalError.

    TRUNCATE leaves nothing in the file: connections that still have it open would fail to read
    from it, rather than read what is not valid any more.
    """
    _, frames, copied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if frames != copied:
        raise base.Database.OperationalError("the -wal of the database is in use")
