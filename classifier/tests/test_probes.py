"""`/healthz`, `/readyz` and `/metrics` of a real server while something that it needs hangs."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests

from .load import Load
from .server import Server
from .services import postgres, redis, stopped
from .test_faults import assert_503, assert_recovers, full, read_only, small_disk
from .wire import send, upload

pytestmark = pytest.mark.slow
LOGINS = 150  # clients that try passwords


def probe(server: Server, address: str) -> requests.Response:
    return requests.get(server.url + address, timeout=10)


def until_not_ready(server: Server, why: str) -> None:
    """Wait until /readyz says no, and why; the other probes answer meanwhile."""

    def says_why() -> bool:
        assert probe(server, "/healthz").status_code == 200
        found = probe(server, "/readyz")
        return found.status_code == 503 and why in found.json()["problem"]

    server.until(says_why)


def until_ready(server: Server) -> None:
    server.until(lambda: probe(server, "/readyz").status_code == 200)


def test_probes_answer_while_the_database_is_locked(tmp_path, sample):
    content = upload(sample("7_paint.png"))
    with Server(tmp_path, workers=1) as server:
        until_ready(server)
        other = sqlite3.connect(tmp_path / "db.sqlite3")
        other.execute("begin immediate")
        assert_503(send(server.port, content))
        until_not_ready(server, "locked by another process")
        assert probe(server, "/metrics").status_code == 200
        other.rollback()
        until_ready(server)
        assert_recovers(server, content)


def test_probes_answer_while_postgres_hangs(tmp_path, sample):
    content = upload(sample("7_paint.png"))
    with postgres() as address, Server(tmp_path, workers=1, DATABASE_URL=address) as server:
        until_ready(server)
        with stopped(address):
            assert_503(send(server.port, content))
            until_not_ready(server, "has not ended")
            server.until(lambda: "mnist_database_up 0" in probe(server, "/metrics").text)
        until_ready(server)
        assert_recovers(server, content)


def test_uploads_are_answered_while_redis_hangs(tmp_path, sample):
    content, limit = upload(sample("7_paint.png")), {"MNIST_THROTTLE_ADDRESS": "1/day"}
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(redis())
        hanging = {"CACHE_URL": address, "TASKS_REDIS_URL": address}
        server = stack.enter_context(Server(tmp_path, workers=1, **hanging, **limit))
        assert send(server.port, content).status == 429  # its start was one
        with stopped(address):
            server.until(lambda: "cache" in probe(server, "/readyz").json().get("problem", ""))
            until_ready(server)
            assert [send(server.port, content).status for _ in range(3)] == [200] * 3
            server.until(lambda: "mnist_tasks_waiting" not in probe(server, "/metrics").text)
        server.until(lambda: send(server.port, content).status == 429)


@pytest.mark.parametrize("fault", [full, read_only])
def test_readyz_says_no_while_uploads_cannot_be_written(tmp_path, fault):
    with small_disk(tmp_path / "media", "64m") as disk, Server(tmp_path, workers=1) as server:
        until_ready(server)
        with fault(disk):
            until_not_ready(server, "uploads")
        until_ready(server)


def try_passwords(server: Server, over: threading.Event) -> set[int]:
    """Log in with a wrong password until it is over; gives the statuses of the answers."""
    session, login = requests.Session(), f"{server.url}/admin/login/"
    session.get(login, timeout=60)
    token = session.cookies["csrftoken"]
    form = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": token}
    found = set()
    while not over.is_set():
        answer = session.post(login, data=form, headers={"Referer": login}, timeout=60)
        found.add(answer.status_code)
    return found


def test_wrong_passwords_hold_up_no_upload(tmp_path, sample):
    over = threading.Event()
    with (
        Server(tmp_path, workers=1) as server,
        ThreadPoolExecutor(LOGINS) as pool,
        contextlib.closing(SimpleNamespace(close=over.set)),
    ):
        tried = [pool.submit(try_passwords, server, over) for _ in range(LOGINS)]
        with Load(server.url, [sample("7_paint.png")], clients=2) as load:
            server.until(lambda: "Login refused, too many have failed" in server.output(), 60)
            load.wait_for(50)
            assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
        over.set()
        assert set().union(*(each.result() for each in tried)) <= {200, 429}
    assert not load.others
