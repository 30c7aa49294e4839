"""Servers that some tests need. Where one is absent they are skipped, or fail if they must run."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

STARTED: dict[str, int] = {}  # the process of each server by its address
CHROMIUM = Path("/usr/bin/chromium")


def missing(what: str):
    """Skip for want of a program; with REQUIRE_SERVICES set, as in CI, fail."""
    if os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(f"{what} is not installed.")
    pytest.skip(f"{what} is not installed.")


@contextmanager
def chromium():
    """Debian's Chromium, without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright")
    if not CHROMIUM.exists():
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def note_complaints(page) -> list[str]:
    """A list that fills with what a page throws or writes to its console as errors."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: said.type == "error" and complaints.append(told(said)))
    return complaints


def told(message) -> str:
    return f"{message.text} {message.location['url']}"


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def postgres():
    """A PostgreSQL server of its own; gives the address of an empty database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        missing("PostgreSQL")
    port, folder = free_port(), tempfile.mkdtemp(prefix="postgres-")
    unprivileged = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if unprivileged:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)  # it refuses to run as root

    def run(program, *options):
        command = [*unprivileged, programs[-1] / program, "-D", f"{folder}/db", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run("initdb", "-U", "digits", "--auth=trust", "--no-sync")
    run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", f"-F -p {port} -k {folder}", "start")
    address = f"postgres://digits@127.0.0.1:{port}/postgres"
    STARTED[address] = int(Path(folder, "db", "postmaster.pid").read_text().split()[0])
    try:
        yield address
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@contextmanager
def redis():
    """A Redis server of its own; gives its address."""
    if not shutil.which("redis-server"):
        missing("Redis")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            address = f"redis://127.0.0.1:{port}/0"
            STARTED[address] = server.pid
            yield address
        finally:
            server.terminate()
            server.wait()


@contextmanager
def stopped(address: str):
    """Stop PostgreSQL or Redis as SIGSTOP does: it takes connections, and answers nothing."""
    main = STARTED[address]
    os.kill(main, signal.SIGSTOP)  # first, so that it starts no other process
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*children, main):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGCONT)


@contextmanager
def s3(bucket: str):
    """An S3 endpoint of its own with an empty bucket; gives its address."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=free_port(), verbose=False)
    server.start()
    try:
        address = f"http://127.0.0.1:{server._port}"
        boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(
            Bucket=bucket
        )
        yield address
    finally:
        server.stop()


def wait_for(port: int, seconds: int = 5) -> None:
    """Wait until somebody listens on a port of this machine."""
    for _ in range(20 * seconds):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"Nobody listens on port {port}.")
