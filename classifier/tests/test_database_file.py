import shutil

import pytest
from django.db import OperationalError

from mnistsite.sqlite3.base import DatabaseWrapper

pytestmark = pytest.mark.django_db  # it guards every connection, this one too


@pytest.fixture
def database(tmp_path, settings):
    """A connection to a file with one table and one row, past its first request."""
    path = tmp_path / "db.sqlite3"
    connection = DatabaseWrapper(settings.DATABASES["default"] | {"NAME": path, "TIME_ZONE": None})
    with connection.cursor() as cursor:
        cursor.execute("create table digits as select 7 as digit")
        cursor.execute("pragma wal_checkpoint(truncate)")  # all of it is in the one file
    connection.close_if_unusable_or_obsolete()  # as Django does before each request
    yield connection, path
    connection.close()


def digits(connection) -> list[int]:
    with connection.cursor() as cursor:
        return [digit for (digit,) in cursor.execute("select digit from digits").fetchall()]


def test_a_file_that_stays_keeps_its_connection(database):
    connection, _ = database
    opened = connection.connection
    assert digits(connection) == [7]
    assert connection.connection is opened


def test_a_file_that_is_moved_away_is_gone_until_it_is_back(database):
    connection, path = database
    away = path.rename(path.with_name("away"))
    with pytest.raises(OperationalError, match="gone"):
        digits(connection)
    assert not path.exists()  # no empty one is made in its place
    away.rename(path)
    connection.close_if_unusable_or_obsolete()
    assert digits(connection) == [7]


def test_another_file_in_its_place_is_opened(database):
    connection, path = database
    shutil.copy(path, path.with_name("restored"))
    path.unlink()
    path.with_name("restored").rename(path)
    opened = connection.connection
    assert digits(connection) == [7]
    assert connection.connection is not opened
