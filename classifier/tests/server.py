"""The real server, for tests: processes, sockets, a database and a folder of its own."""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import requests

from classifier.client import Client, Refused, ServiceError

from .services import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "only for this test"


class Server:
    """`manage.py serve` in a process of its own, with everything it keeps in one folder."""

    def __init__(self, folder: Path, workers: int = 2, options=("--no-worker",), **settings: str):
        self.folder, self.workers, self.options = folder, workers, options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = (
            os.environ
            | {
                "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
                "MEDIA_ROOT": str(self.folder / "media"),
                "DJANGO_SECRET_KEY": "only for this test",
                "TMPDIR": tempfile.mkdtemp(dir=self.folder),  # what is left there is counted
            }
            | settings
        )

    def __enter__(self):
        self.log = open(self.folder / "log", "a+")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "serve", "--prepare"),
                *("--port", str(self.port), "--workers", str(self.workers), *self.options),
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.wait()
        return self

    def wait(self):
        """Wait until a picture is answered."""
        for _ in range(300):
            try:
                self.answer(b"")
                return
            except ServiceError:
                time.sleep(0.1)
        raise TimeoutError(self.output())

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def answer(self, upload: bytes, path: str = "") -> dict:
        """What the service says, be it an answer or a refusal."""
        with Client(self.url + path) as client:
            try:
                return client.classify(upload, "picture.png")
            except Refused as refusal:
                return refusal.problem

    def answer_again(self, upload: bytes, seconds: float = 20) -> dict:
        """The answer to an upload that is sent again when its connection breaks."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.answer(upload)
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def until(self, true, seconds: float = 30):
        """Wait until something is true of the server; returns it."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)
        return found

    def manage(self, *arguments: str) -> str:
        """What a command of manage.py prints, run on this server's database and files."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, check=True, cwd=ROOT, env=self.environment, capture_output=True, text=True
        ).stdout

    def add_version(self, name: str, **facts):
        """Register the shipped network under another name, with other facts."""
        folder = self.folder / name
        folder.mkdir()
        self.manage(
            "shell",
            "--command",
            "from pathlib import Path; from classifier.registry import register\n"
            "from classifier.tests.conftest import copy_of_shipped\n"
            f"register(*copy_of_shipped(Path({str(folder)!r}), {name!r}, **{facts!r}))",
        )

    def sign_in(self, name: str) -> requests.Session:
        """A session of somebody new who may do everything."""
        create = f"get_user_model().objects.create_superuser({name!r}, password={PASSWORD!r})"
        imports = "from django.contrib.auth import get_user_model"
        self.manage("shell", "--command", f"{imports}; {create}")
        session, login = requests.Session(), f"{self.url}/admin/login/"
        session.get(login)
        token = session.cookies["csrftoken"]
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token}
        session.post(login, data=form, headers={"Referer": login}, allow_redirects=False)
        session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
        return session

    def output(self, start: int = 0) -> str:
        """What it has said, from this byte on."""
        return (self.folder / "log").read_bytes()[start:].decode()

    def rows(self) -> list[str]:
        """The uploads' paths in the database."""
        return [path for (path,) in self.execute("select upload from classifier_prediction")]

    def execute(self, statement: str) -> list[tuple]:
        """Run a statement of SQL on the server's database; returns the rows it gives."""
        address = self.environment["DATABASE_URL"]
        path = address.removeprefix("sqlite:///")
        opened = psycopg.connect(address) if path == address else sqlite3.connect(path, timeout=30)
        with closing(opened) as database, database:
            done = database.execute(statement)
            return done.fetchall() if done.description else []

    def newest(self) -> str:
        """The path of the latest upload."""
        return self.rows()[-1]

    def files(self) -> list[str]:
        """The paths of all files that are kept, half-written ones and versions among them."""
        media = Path(self.environment["MEDIA_ROOT"])
        return [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]

    def kept(self) -> tuple[int, int]:
        """How many rows there are, and how many files, temporary ones among them."""
        temporary = Path(self.environment["TMPDIR"]).iterdir()
        return len(self.rows()), len(self.files()) + len(list(temporary))

    def session_of(self, name: str) -> str:
        """A session cookie of somebody who is logged in."""
        return self.manage(
            "shell",
            "--command",
            "from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY\n"
            "from django.contrib.auth.models import User\n"
            "from django.contrib.sessions.backends.db import SessionStore\n"
            f"user, session = User.objects.get(username={name!r}), SessionStore()\n"
            "session[SESSION_KEY] = str(user.pk)\n"
            "session[BACKEND_SESSION_KEY] = 'django.contrib.auth.backends.ModelBackend'\n"
            "session[HASH_SESSION_KEY] = user.get_session_auth_hash()\n"
            "session.save(); print(session.session_key)",
        ).split()[-1]

    @contextmanager
    def cost(self):
        """Measure what the requests made inside cost the one worker: `Cost`."""
        (pid,) = self.worker_pids()
        cost, log = Cost(), (self.folder / "log").stat().st_size
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # its peak of memory is now what it has
        cpu_s, megabytes = cpu_seconds(pid), peak_megabytes(pid)
        yield cost
        cost.cpu_s = cpu_seconds(pid) - cpu_s
        cost.megabytes = peak_megabytes(pid) - megabytes
        cost.log = self.output(log).splitlines()

    def memory_bytes(self) -> int:
        """The proportional memory of the process that was started and all that it started."""
        pids = [str(self.process.pid)]
        for pid in pids:
            pids += children(pid)
        return int(sum(proportional_megabytes(pid) for pid in pids) * 1024 * 1024)

    def serving_megabytes(self) -> list[float]:
        """The proportional memory of each worker."""
        return [proportional_megabytes(pid) for pid in self.worker_pids()]

    def worker_pids(self) -> list[str]:
        (server,) = [pid for pid in children(self.process.pid) if b"granian" in command_line(pid)]
        return children(server)


class Cost:
    """Processor time, the peak of memory above what it was, and the lines of the log."""

    cpu_s: float
    megabytes: float
    log: list[str]


def children(pid: int | str) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def command_line(pid: str) -> bytes:
    """What a process was started with; nothing if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def cpu_seconds(pid: str) -> float:
    """The processor time of a process: unlike the clock it does not run while others work."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1]) / 1024


def proportional_megabytes(pid: str) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) / 1024
