"""The services that are compared: each in a folder of its own, run with two workers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
GRANIAN = ["--workers", "2", "--backlog", "1024", "--log-level", "warning", "--no-ws"]


class Service:
    """A server in processes of its own; `with` starts and stops it."""

    name = ""
    prepare: list[str] = []  # run once, in an empty folder
    serve: list[str] = []

    def __init__(self, folder: Path):
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.root = ROOT
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mnist/classify"
        self.environment = os.environ | {
            "FOLDER": str(self.folder),
            "MEDIA_ROOT": str(self.folder / "media"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
            "DJANGO_SECRET_KEY": "only for measuring",
            "LOG_LEVEL": "WARNING",
        }

    def __enter__(self):
        self.log = open(self.folder / "log", "ab")
        common = {"cwd": self.root, "env": self.environment, "stdout": self.log, "stderr": self.log}
        if self.prepare:
            subprocess.run([PYTHON, *self.prepare], check=True, **common)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [PYTHON, *self.serve, "--port", str(self.port)], start_new_session=True, **common
        )
        self.wait()
        self.ready_after = time.perf_counter() - started
        return self

    def __exit__(self, *error):
        os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    def wait(self) -> None:
        """Wait until something is answered, whatever it is."""
        for _ in range(600):
            with contextlib.suppress(OSError):
                connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("POST", "/mnist/classify")
                connection.getresponse().read()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start:\n{(self.folder / 'log').read_text()}")

    def memory(self) -> int:
        """Proportional set size of all its processes, bytes."""
        parent = psutil.Process(self.process.pid)
        return sum(
            each.memory_full_info().pss for each in [parent, *parent.children(recursive=True)]
        )


class Ours(Service):
    """The service of this repository, as `make serve` runs it, without its training worker."""

    name = "ours"
    prepare = ["manage.py", "migrate", "-v0"]
    serve = ["manage.py", "serve", "--workers", "2", "--no-worker"]


class Before(Ours):
    """The service as it was at another commit, checked out into a folder of its own."""

    name = "before"
    commit = "3161ac0"  # the last one with a private HTTP server

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.root = self.folder / "tree"
        self.root.mkdir()
        archive = ["git", "-C", str(ROOT), "archive", self.commit]
        tree = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(self.root)], input=tree, check=True)


class Floor(Service):
    """A bare DRF view; see floor.py."""

    name = "floor"
    prepare = ["-m", "benchmarks.floor"]
    serve = [
        *("-m", "granian", "benchmarks.floor:application", "--interface", "wsgi"),
        *("--blocking-threads", "1", *GRANIAN),
    ]


class Rival(Service):
    """FastAPI and ONNX Runtime with the history by hand; see rival.py."""

    name = "rival"
    prepare = ["-m", "benchmarks.rival"]
    serve = ["-m", "uvicorn", "benchmarks.rival:app", "--workers", "2", "--no-access-log"]


SERVICES = {each.name: each for each in (Ours, Before, Floor, Rival)}
