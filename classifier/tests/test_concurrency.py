"""Everybody at once: clients upload while people review, a history is exported, another purged."""

import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from socket import create_connection

import pytest

from .load import Load, lost
from .server import ROOT, Server
from .services import postgres
from .wire import form, part, received, request

pytestmark = pytest.mark.slow
CLIENTS, OLD, SECONDS = 64, 200, 10
REVIEWED = 500  # of which the gate reads a fifth, twice
REVIEWERS = f"""
import threading, time
from django.contrib.auth.models import User
from classifier import review

def work(person):
    while time.monotonic() < end:
        for each in review.claim(person, 3):
            try:
                review.answer(each.pk, each.digit, person)
            except review.NotYours:  # purged meanwhile
                pass

people = [User.objects.create_user(f'reviewer {{number}}') for number in range(4)]
end = time.monotonic() + {SECONDS}
threads = [threading.Thread(target=work, args=(each,)) for each in people]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@contextmanager
def sqlite():
    yield None


@pytest.mark.parametrize("database", [sqlite, postgres])
def test_uploads_reviews_an_export_and_a_purge_get_along(tmp_path, sample, database):
    uploads = [sample(name) for name in ("7_paint.png", "3_phone.jpg", "6_tiny.png")]
    with database() as address:
        settings = {"MNIST_RETENTION_DAYS": "30"} | ({"DATABASE_URL": address} if address else {})
        with Server(tmp_path, **settings) as server:
            with Load(server.url, uploads) as before:
                before.wait_for(OLD)
            server.execute("update classifier_prediction set created_at = '2026-01-01 00:00:00'")
            with Load(server.url, uploads, CLIENTS) as load:
                others = [
                    background(server, "shell", "--command", REVIEWERS),
                    background(server, "export_history", str(tmp_path / "history.csv")),
                    background(server, "purge_expired"),
                ]
                time.sleep(SECONDS)
            assert [each.wait(60) for each in others] == [0, 0, 0]
            assert_all_is_there(server, load)
            assert len((tmp_path / "history.csv").read_text().splitlines()) > 1


def background(server: Server, *arguments: str) -> subprocess.Popen:
    """Start a command on the server's database; what it says is in the server's log."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=server.environment,
        stdout=server.log,
        stderr=server.log,
    )


def assert_all_is_there(server: Server, load: Load) -> None:
    assert not load.others  # none was refused, no connection broke
    assert len(load.ids) == len(set(load.ids)) > CLIENTS
    assert lost(server, load.ids) == []
    assert len(server.rows()) == len(load.ids)  # what was old is purged
    assert sorted(server.rows()) == sorted(server.files())
    reviews = server.execute(
        "select prediction_id, count(*) from classifier_correction group by prediction_id"
    )
    assert reviews
    assert {count for _, count in reviews} == {1}
    assert "locked" not in server.output()
    assert "ERROR" not in server.output()


def test_a_promotion_that_asks_the_gate_keeps_no_upload_waiting(tmp_path, sample):
    uploads = [sample("7_paint.png") + bytes([turn % 256, turn // 256]) for turn in range(REVIEWED)]
    with Server(tmp_path, workers=1) as server:
        with Load(server.url, uploads) as before:
            before.wait_for(REVIEWED)
        server.execute("update classifier_prediction set label = digit")
        server.add_version("other", temperature=1.5)
        staff = server.sign_in("boss")
        with Load(server.url, uploads, clients=1) as load:
            load.wait_for(5)
            promote, answered = f"{server.url}/api/v1/models/other/activate", len(load.ids)
            assert staff.post(promote, json={"overrule": "a test"}).status_code == 200
            meanwhile = len(load.ids) - answered
    assert meanwhile > 3  # one or two, if they had to wait for the promotion


def test_a_crowd_that_comes_at_once_is_served(tmp_path, sample):
    whole = request(form(part(sample("6_tiny.png"))))
    with Server(tmp_path, workers=1) as server, ExitStack() as crowd:
        address = ("127.0.0.1", server.port)
        clients = [crowd.enter_context(create_connection(address, 60)) for _ in range(300)]
        for client in clients:
            client.sendall(whole[:-1])
        for client in clients:  # and now all of them are there at once
            client.sendall(whole[-1:])
        answers = [received(client) for client in clients]
        stored = [each.body["id"] for each in answers if each.status == 200]
        refused = [each for each in answers if each.status != 200]
        assert {each.body["code"] for each in refused} <= {"overloaded"}  # on a slow machine
        assert not lost(server, stored)
        assert len(server.rows()) >= len(stored) > len(clients) / 2
