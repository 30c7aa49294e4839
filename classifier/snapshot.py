"""The database as it is at one moment, in a file, taken while others write."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.db import connection, transaction
from django.db.backends.postgresql.client import DatabaseClient

from .models import Prediction

SQLITE, POSTGRES = "database.sqlite3", "database.dump"


class CannotCopy(RuntimeError):
    """The database can be neither copied nor put back; the message says what is in the way."""


def take(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Write the database into a folder; gives each upload's path and SHA-256 at that moment.

    Raises CannotCopy.
    """
    if connection.vendor == "sqlite":
        yield from _take_sqlite(folder / SQLITE)
    else:
        yield from _take_postgres(folder / POSTGRES)


def _take_sqlite(target: Path) -> Iterator[tuple[str, bytes]]:
    connection.ensure_connection()
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy)
        table = Prediction._meta.db_table
        yield from copy.execute(f"SELECT upload, sha256 FROM {table} WHERE upload <> ''")


def _take_postgres(target: Path) -> Iterator[tuple[str, bytes]]:
    """pg_dump sees what this transaction sees."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        (moment,) = cursor.fetchone()
        _run("pg_dump", f"--snapshot={moment}", "--format=custom", f"--file={target}")
        rows = Prediction.objects.order_by().filter(erased_at=None).values_list("upload", "sha256")
        yield from ((path, bytes(digest)) for path, digest in rows.iterator(chunk_size=10_000))


def put_back(folder: Path) -> None:
    """Fill an empty database from a snapshot. Raises CannotCopy."""
    name = SQLITE if connection.vendor == "sqlite" else POSTGRES
    if not (folder / name).exists():
        raise CannotCopy(
            f"{folder} has no {name}: it was made on another kind of database than "
            f"{connection.vendor}. Set DATABASE_URL to one of its kind."
        )
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(folder / name)) as copy:
            copy.backup(connection.connection)
    else:
        _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", folder / name)
    connection.close()


def is_empty() -> bool:
    """Whether the database has no table yet."""
    return not connection.introspection.table_names()


def _run(program: str, *options) -> None:
    """Run a program of PostgreSQL on our database."""
    if not shutil.which(program):
        raise CannotCopy(f"{program} is not installed. Install PostgreSQL's client programs.")
    psql, environment = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    command = [program, *psql[1:-1], "--dbname", psql[-1], *options]
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True
    )
    if done.returncode:
        raise CannotCopy(f"{program} failed: {done.stderr.strip()}")
