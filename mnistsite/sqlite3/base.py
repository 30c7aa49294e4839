"""Django's SQLite, that notices when its file has been moved away or another put in its place.

SQLite itself goes on writing to the file that it opened: uploads would be answered, and their
rows be in a file that has no name any more, or is somebody's backup.
"""

import os

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks once a request, by the hook that Django has for it: CONN_HEALTH_CHECKS."""

    _file: tuple[int, int] | None = None  # what was opened last; None: nothing yet, or in memory

    def get_new_connection(self, conn_params):
        if self._file and not self._there():
            raise base.Database.OperationalError("the database file is gone")
        connection = super().get_new_connection(conn_params)
        self._file = self._there()
        return connection

    def is_usable(self):
        return self._file == self._there()

    def _there(self) -> tuple[int, int] | None:
        """Which file is at the database's path now."""
        try:
            found = os.stat(self.settings_dict["NAME"])
        except OSError:
            return None
        return found.st_dev, found.st_ino
