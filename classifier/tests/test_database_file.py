import fcntl
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress

import pytest
from django.db import OperationalError

from mnistsite.sqlite3 import base
from mnistsite.sqlite3.base import DatabaseWrapper

from .server import ROOT

pytestmark = pytest.mark.django_db  # it guards every connection, this one too


@pytest.fixture
def database(tmp_path, settings):
    """A connection to a file with one table and one row, past its first request."""
    path = tmp_path / "db.sqlite3"
    connection = opened(settings, path)
    with connection.cursor() as cursor:
        cursor.execute("create table digits as select 7 as digit")
        cursor.execute("pragma wal_checkpoint(truncate)")  # all of it is in the one file
    connection.close_if_unusable_or_obsolete()  # as Django does before each request
    yield connection, path
    connection.close()


def opened(settings, path) -> DatabaseWrapper:
    """A connection as the site has it, but for one that waits longer for others."""
    default = settings.DATABASES["default"]
    options = default["OPTIONS"] | {"timeout": 0.1}
    return DatabaseWrapper(default | {"NAME": path, "TIME_ZONE": None, "OPTIONS": options})


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


# The queue of those who write


@pytest.mark.parametrize("writes", ["a statement", "a transaction"])
def test_who_writes_waits_in_a_queue(database, settings, writes):
    connection, path = database
    other = opened(settings, path)
    connection.set_autocommit(False)
    done = threading.Event()

    def write():
        if writes == "a statement":
            with other.write_lock():
                other.cursor().execute("insert into digits values (1)")
        else:
            other.set_autocommit(False)
            other.cursor().execute("insert into digits values (1)")
            other.commit()
            other.set_autocommit(True)
        done.set()

    other.inc_thread_sharing()
    thread = threading.Thread(target=write)
    thread.start()
    with open(f"{path}-lock") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not done.is_set()
    connection.commit()
    connection.set_autocommit(True)
    thread.join(10)
    assert done.is_set()
    assert digits(connection) == [7, 1]


def test_a_statement_in_a_transaction_does_not_give_the_lock_away(database):
    connection, path = database
    with atomic(connection):
        with connection.write_lock():
            pass
        with open(f"{path}-lock") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def atomic(connection):
    """As `transaction.atomic` does, for a connection that Django does not know by a name."""
    connection.set_autocommit(False)
    connection.in_atomic_block = True
    yield
    connection.in_atomic_block = False
    connection.commit()
    connection.set_autocommit(True)


# The files beside it: what was committed lately is in the -wal only

REMOVED = [("-wal",), ("-shm",), ("-wal", "-shm")]


def add(connection, digit):
    """Insert a row, as a request would."""
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("insert into digits values (%s)", [digit])


def remove(path, suffixes):
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()


FIND = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
print([digit for (digit,) in database.execute("select digit from digits order by rowid")])
"""


def found_by_another_process(path) -> list[int]:
    """What is in the files at the path, whatever this process has open."""
    return json.loads(subprocess.check_output([sys.executable, "-c", FIND, path]))


@pytest.mark.parametrize("removed", REMOVED, ids="".join)
def test_nothing_is_lost_when_a_file_beside_it_is_removed(database, removed):
    connection, path = database
    add(connection, 1)
    remove(path, removed)
    add(connection, 2)
    add(connection, 3)
    assert found_by_another_process(path) == [7, 1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"x" * 40_000], ids=["empty", "rubbish"])
def test_nothing_is_lost_when_the_wal_is_replaced(database, content):
    connection, path = database
    add(connection, 1)
    remove(path, ["-wal"])
    path.with_name(f"{path.name}-wal").write_bytes(content)
    add(connection, 2)
    assert found_by_another_process(path) == [7, 1, 2]


def test_a_transaction_notices_it_without_a_request(database):
    connection, path = database
    for digit in (1, 2):
        remove(path, ["-wal"])
        connection.set_autocommit(False)
        with connection.cursor() as cursor:
            cursor.execute("insert into digits values (%s)", [digit])
        connection.commit()
        connection.set_autocommit(True)
    assert found_by_another_process(path) == [7, 1, 2]


def test_a_thread_waits_for_the_others_while_they_have_a_removed_shm_open(database, settings):
    connection, path = database
    other = opened(settings, path)
    add(other, 1)
    remove(path, ["-wal", "-shm"])
    with pytest.raises(OperationalError, match="were removed"):
        add(connection, 2)
    add(other, 3)
    add(connection, 4)
    assert found_by_another_process(path) == [7, 1, 3, 4]


def test_a_process_that_serves_ends_when_a_thread_stays_idle(database, settings, monkeypatch):
    connection, path = database
    idle = opened(settings, path)
    add(idle, 1)
    remove(path, ["-wal", "-shm"])
    ended = []
    monkeypatch.setattr(base.os, "kill", lambda pid, number: ended.append(number))
    monkeypatch.setattr(base, "MAX_BLOCKED_SECONDS", 0)
    settings.MNIST_SERVING = True
    for _ in range(2):
        assert not ended
        with pytest.raises(OperationalError, match="were removed"):
            add(connection, 2)
    assert ended == [signal.SIGTERM]
    assert found_by_another_process(path) == [7, 1]
    base._blocked.clear()


def test_nothing_is_written_until_what_is_in_a_removed_wal_can_be_kept(database):
    connection, path = database
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from digits").fetchall()  # as an export, or another program
        add(connection, 1)
        remove(path, ["-wal"])
        for _ in range(2):
            with pytest.raises(OperationalError):
                add(connection, 2)
    add(connection, 3)
    assert found_by_another_process(path) == [7, 1, 3]


SITE = """
import sys
from django.conf import settings
settings.configure(USE_TZ=True)
from mnistsite.sqlite3 import base
from mnistsite.sqlite3.base import DatabaseWrapper
options = {"init_command": "PRAGMA journal_mode=WAL", "timeout": 0.1}
connection = DatabaseWrapper({"NAME": sys.argv[1], "TIME_ZONE": None, "OPTIONS": options,
    "AUTOCOMMIT": True, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True})
for statement in sys.stdin:
    connection.close_if_unusable_or_obsolete()
    connection.cursor().execute(statement)
    print("done", flush=True)
"""


@contextmanager
def another_process(path):
    """A process of the site; gives a function that lets it add a row, and waits for that."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", SITE, path], cwd=ROOT, **pipes) as process:

        def add_there(digit):
            with suppress(BrokenPipeError):
                process.stdin.write(f"insert into digits values ({digit})\n")
                process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield add_there


@pytest.mark.parametrize("removed", REMOVED, ids="".join)
@pytest.mark.parametrize("first", ["this process", "the other"])
def test_two_processes_lose_nothing_and_damage_nothing(database, removed, first):
    connection, path = database
    with another_process(path) as add_there:
        adds = [lambda digit: add(connection, digit), add_there]
        if first == "the other":
            adds.reverse()
        for turn in range(3):
            for place, add_somewhere in enumerate(adds * 2):
                add_somewhere(10 * turn + place)
            remove(path, removed)
        for place, add_somewhere in enumerate(adds * 2):
            add_somewhere(30 + place)
        assert found_by_another_process(path) == [
            7,
            *(10 * turn + place for turn in range(4) for place in range(4)),
        ]
