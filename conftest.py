"""Pictures for the tests, made by code or taken from the project's own fixtures."""

from pathlib import Path

import pytest

DIGITS = Path(__file__).parent / "fixtures" / "digits"


@pytest.fixture
def sample():
    """The bytes of a sample picture by its name, such as `7_paint.png`."""
    return lambda name: (DIGITS / name).read_bytes()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """Keep SQLite's test database in a file, where a test's server gets connections of its own.

    In memory, its threads would share the test's connection, and with it each other's transactions.
    """
    from django.db import connection

    if connection.vendor == "sqlite":
        name = tmp_path_factory.mktemp("database") / "test.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(name)


def pytest_itemcollected(item):
    """Let transactional tests begin with what migrations put into the database, such as groups.

    Each of them ends by emptying every table.
    """
    marker = item.get_closest_marker("django_db")
    transactional = marker and marker.kwargs.get("transaction")
    if transactional or {"transactional_db", "live_server"} & set(item.fixturenames):
        whole = pytest.mark.django_db(transaction=True, serialized_rollback=True)
        item.add_marker(whole, append=False)
