"""Databases that are measured at two sizes: SQLite, and PostgreSQL in a cluster of its own."""

import os
import pwd
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIONS = [  # a quarter of 8 GB, as PostgreSQL's own documentation advises, and longer checkpoints
    "shared_buffers=2GB",
    "max_wal_size=4GB",
    "max_connections=50",
]


@contextmanager
def cluster(folder: Path):
    """A running PostgreSQL that keeps what it has in `folder`; gives the address of a database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise SystemExit("PostgreSQL is not installed: apt install postgresql")
    unprivileged = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.mkdir(parents=True, exist_ok=True)
    if unprivileged:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)  # it refuses to run as root

    def run(program, *options):
        command = [*unprivileged, programs[-1] / program, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    data = folder / "cluster"
    if not data.exists():
        run("initdb", "-D", data, "-U", "digits", "--auth=trust", "--no-sync")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = " ".join(f"-c {each}" for each in [*OPTIONS, f"port={port}"])
    start = ["-w", "-l", folder / "log", "-o", f"{options} -k {folder}", "start"]
    run("pg_ctl", "-D", data, *start)
    try:
        yield lambda name: f"postgres://digits@127.0.0.1:{port}/{name}"
    finally:
        run("pg_ctl", "-D", data, "-m", "fast", "stop")


@contextmanager
def databases(vendor: str, folder: Path, sizes: list[int]):
    """Databases of these many rows, filled when they are not there yet; gives their addresses."""
    folder = folder / vendor
    folder.mkdir(parents=True, exist_ok=True)
    if vendor == "sqlite":
        urls = {size: f"sqlite:///{folder / f'{size}.sqlite3'}" for size in sizes}
        for size, url in urls.items():
            fill(url, size)
        yield urls
        return
    with cluster(folder) as address:
        urls = {size: address(f"rows{size}") for size in sizes}
        for size, url in urls.items():
            create(address("postgres"), f"rows{size}")
            fill(url, size)
        yield urls


def create(url: str, name: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [name]
        ).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')


def environment(url: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SECRET_KEY": "only for measuring",
        "LOG_LEVEL": "WARNING",
    }


def fill(url: str, rows: int) -> None:
    """Migrate a database, and fill it up to so many uploads."""
    started = time.monotonic()
    for command in (["manage.py", "migrate", "-v0"], ["-m", "benchmarks.filling", str(rows)]):
        subprocess.run([sys.executable, *command], check=True, cwd=ROOT, env=environment(url))
    print(f"{rows:,} rows after {time.monotonic() - started:.0f} s", flush=True)
