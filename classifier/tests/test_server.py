"""The real server: processes, sockets, a database and a folder of its own."""

import contextlib
import json
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import cv2
import numpy as np
import pytest

from classifier.client import ServiceError, multipart

from .server import Server
from .services import postgres

MEGABYTE = 1024 * 1024


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


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/mnist/classify", 404, "application/json"),
        ("/api/v1/x%0Ay", 400, "application/problem+json"),
    ],
)
def test_what_does_not_reach_django_is_refused_as_its_address_has_it(server, path, status, kind):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
        connection.sendall(b"X-Request-ID: mine\r\nContent-Length: 5000\r\n\r\n--x")
        connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection)
        response.begin()
        told = json.loads(response.read())
    assert (response.status, told["status"], response.headers["Content-Type"]) == (
        *(status, status),
        kind,
    )
    assert (told["code"], told["instance"], told["request_id"]) == ("cut_short", path, "mine")
    assert response.headers["X-Request-ID"] == "mine"
    assert "x\ny" not in server.output()


def test_a_chunked_body_is_read(server, sample):
    body, content_type = multipart(sample("7_paint.png"), "7.png")
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    pieces = iter([body[:50], body[50:]])
    connection.request("POST", "/mnist/classify", pieces, headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["digit"] == 7


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


def test_the_second_start_keeps_the_account_of_the_first(tmp_path, sample):
    for _ in range(2):
        with Server(tmp_path) as server:
            assert server.answer(sample("7_paint.png"))["digit"] == 7
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
            assert np.argmax(one) == np.argmax(other)
            assert np.abs(np.array(one) - other).max() < 0.01  # weights of 8 bits


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
