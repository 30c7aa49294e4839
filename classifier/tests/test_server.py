"""The real server: processes, sockets, a database and a folder of its own."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests

from classifier.client import Client, ServiceError, multipart

from .services import free_port, postgres

ROOT = Path(__file__).parents[2]
MEGABYTE = 1024 * 1024
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
        return Client(self.url + path).classify(upload, "picture.png")

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

    def output(self) -> str:
        return (self.folder / "log").read_text()

    def rows(self) -> list[str]:
        """The uploads' paths in the database."""
        with sqlite3.connect(self.folder / "db.sqlite3") as database:
            return [
                path for (path,) in database.execute("select upload from classifier_prediction")
            ]

    def files(self) -> list[str]:
        media = self.folder / "media"
        return [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]

    def serving_megabytes(self) -> list[float]:
        """The proportional memory of each worker."""
        return [proportional_megabytes(pid) for pid in self.worker_pids()]

    def worker_pids(self) -> list[str]:
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def proportional_megabytes(pid: str) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) / 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


def test_it_says_where_it_serves_and_how_to_try_it(server):
    said = server.output()
    assert f"Serving on {server.url} with 2 workers" in said
    assert f"{server.url}/mnist/classify" in said
    assert f"{server.url}/admin/" in said
    assert re.search(r"'admin' with the password \S{16}", said)


def test_ctrl_c_in_a_terminal_stops_it(tmp_path):
    with Server(tmp_path) as server:
        os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does: all of its processes
        server.process.wait(15)
    with pytest.raises(ServiceError):
        server.answer(b"")


def test_posts_in_parallel_are_all_answered_and_all_kept(server, sample):
    before = len(server.rows())
    names = ["7_paint.png", "3_paint.png", "2_phone.jpg", "6_tiny.png"] * 25
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: server.answer(sample(name)), names))
    assert [answer["classification"] for answer in answers] == [name[0] for name in names]
    assert len({answer["id"] for answer in answers}) == len(names)
    assert len(server.rows()) == before + len(names)
    assert sorted(server.rows()) == sorted(server.files())


@pytest.mark.parametrize("megabytes", [17, 40, 64])
def test_a_body_over_the_limit_is_read_to_its_end_and_refused(server, sample, megabytes):
    before = len(server.rows())
    answer = server.answer(sample("7_paint.png") + bytes(megabytes * MEGABYTE - 1000))
    assert (answer["code"], answer["status"]) == ("too_large", 404)
    assert len(server.rows()) == before


def test_a_body_far_over_the_limit_does_not_hurt(server, sample):
    with contextlib.suppress(ServiceError):  # it may close the connection instead
        assert server.answer(bytes(100 * MEGABYTE))["code"] == "too_large"
    assert server.answer(sample("7_paint.png"))["digit"] == 7


def test_two_hundred_slow_clients_do_not_keep_others_waiting(server, sample):
    head = b"POST /mnist/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
    with contextlib.ExitStack() as slow:
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", server.port))
            slow.enter_context(connection).sendall(head)
        started = time.monotonic()
        assert server.answer(sample("7_paint.png"))["digit"] == 7
        assert time.monotonic() - started < 3


def test_a_client_that_goes_away_leaves_nothing(server, sample):
    before = len(server.files())
    head = b"POST /mnist/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head)
    assert server.answer(sample("7_paint.png"))["digit"] == 7
    assert len(server.files()) == len(server.rows()) == before + 1


def test_a_chunked_body_is_read(server, sample):
    body, content_type = multipart(sample("7_paint.png"), "7.png")
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    pieces = iter([body[:50], body[50:]])
    connection.request("POST", "/mnist/classify", pieces, headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["digit"] == 7


def test_another_host_is_refused_before_anything_is_stored(server):
    before = len(server.rows())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /mnist/classify HTTP/1.1\r\nHost: evil.example\r\n")
        connection.sendall(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert b"400" in connection.recv(100)
    assert len(server.rows()) == before


def test_a_worker_is_small_also_after_a_large_photo(server):
    assert max(server.serving_megabytes()) < 150
    photo = phone_photo()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.answer(photo), range(12)))
    assert {answer["digit"] for answer in answers} == {7}
    assert max(server.serving_megabytes()) < 250


def phone_photo() -> bytes:
    """A JPEG of 12 megapixels: a seven in dark ink on grainy paper."""
    grain = np.random.default_rng(0).normal(200, 4, (3000, 4000)).clip(0, 255).astype(np.uint8)
    points = np.array([[1400, 700], [2600, 700], [1800, 2300]], np.int32)
    cv2.polylines(grain, [points], isClosed=False, color=40, thickness=150)
    return cv2.imencode(".jpg", grain)[1].tobytes()


def test_the_second_start_is_ready_within_three_seconds(tmp_path, sample):
    for _ in range(2):
        started = time.monotonic()
        with Server(tmp_path) as server:
            assert server.answer(sample("7_paint.png"))["digit"] == 7
            taken = time.monotonic() - started
    assert taken < 3
    assert server.output().count("password") == 2  # one account, announced in two lines


def test_serving_imports_no_tensorflow(server):
    for pid in (
        Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    ):
        assert "tensorflow/" not in Path(f"/proc/{pid}/maps").read_text()


def test_it_runs_on_postgres(tmp_path, sample):
    import psycopg

    with postgres() as address, Server(tmp_path, DATABASE_URL=address) as server:
        answer = server.answer(sample("7_paint.png"))
        with psycopg.connect(address) as database:
            kept = database.execute(
                "select id, digit, upload from classifier_prediction"
            ).fetchall()
    assert kept == [(answer["id"], 7, server.files()[0])]


@pytest.mark.slow
def test_the_keras_engine_serves_the_same_answers(server, tmp_path, sample):
    with Server(tmp_path, workers=1, MNIST_ENGINE="keras") as keras:
        for name in ("7_paint.png", "3_phone.jpg"):
            one, other = (each.answer(sample(name))["probabilities"] for each in (server, keras))
            assert np.abs(np.array(one) - other).max() < 1e-4


@pytest.mark.slow
def test_a_version_trained_here_is_served(tmp_path, sample):
    """A real epoch on a few images: trained, saved, loaded, asked."""
    rng = np.random.default_rng(0)
    pixels, digits = rng.integers(0, 255, (300, 28, 28), np.uint8), np.arange(300) % 10
    np.savez(tmp_path / "few.npz", x_train=pixels, y_train=digits, x_test=pixels, y_test=digits)
    with Server(tmp_path, workers=1, MNIST_DATA=str(tmp_path / "few.npz")) as server:
        server.manage("train_model", "--epochs", "1", "--filename", "few")
        server.manage("activate_model", "few", "--overrule", "a test")
        time.sleep(3)
        answer = server.answer(sample("7_paint.png"))
    assert answer["model"] == "few"
    assert json.dumps(answer["probabilities"])
