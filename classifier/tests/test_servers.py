"""The site under each server that can run it: Granian and uvicorn by ASGI, gunicorn by WSGI."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPResponse

import pytest
import requests

from classifier.client import multipart

from .server import ROOT, Server
from .wire import MULTIPART, form, part, request, send, upload

MEGABYTE = 1024 * 1024
COMMANDS = {
    "granian": ["granian", "mnistsite.asgi:application", "--interface", "asginl", "--port"],
    "uvicorn": ["uvicorn", "mnistsite.asgi:application", "--lifespan", "off", "--port"],
    "gunicorn": ["gunicorn", "mnistsite.wsgi:application", "--threads", "4", "--bind"],
}
ASGI = ["granian", "uvicorn"]


class StockServer(Server):
    """The site under one of the servers, with its defaults."""

    def __init__(self, folder, name: str, **settings):
        super().__init__(folder, **settings)
        self.name = name

    def __enter__(self):
        self.manage("migrate", "-v0")
        address = f"127.0.0.1:{self.port}" if self.name == "gunicorn" else str(self.port)
        self.log = open(self.folder / "log", "a+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *COMMANDS[self.name], address],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
        )
        self.wait()
        return self


@pytest.fixture(scope="module", params=COMMANDS)
def server(request, tmp_path_factory):
    with StockServer(tmp_path_factory.mktemp(request.param), request.param) as running:
        yield running


@pytest.fixture
def asgi(server):
    """The server, if it runs the ASGI application."""
    if server.name not in ASGI:
        pytest.skip("This is about bodies that arrive slowly, which WSGI servers read themselves.")
    return server


def test_uploads_are_read_and_stored(server, sample):
    before = len(server.rows())
    answers = [server.answer(sample(name)) for name in ("7_paint.png", "3_phone.jpg")]
    assert [each["digit"] for each in answers] == [7, 3]
    assert len(server.rows()) == before + 2
    assert sorted(server.rows()) == sorted(server.files())


def test_pages_cookies_and_static_files_are_served(server):
    with requests.Session() as session:
        assert session.get(f"{server.url}/admin/login/").status_code == 200
        assert session.cookies["csrftoken"]
        style = session.get(f"{server.url}/static/admin/css/base.css")
        assert (style.status_code, len(style.content)) == (
            200,
            int(style.headers["content-length"]),
        )
        assert session.head(f"{server.url}/").content == b""


def test_what_is_wrong_is_a_404_in_json(server):
    answer = send(server.port, request(form(part(b"no picture"))))
    assert (answer.status, answer.body["code"]) == (404, "not_an_image")
    assert send(server.port, request(method="GET")).status == 405
    assert requests.get(f"{server.url}/healthz").json()["status"] == "alive"


def test_a_connection_serves_one_request_after_another(server, sample):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    body, content_type = multipart(sample("7_paint.png"), "7.png")
    for _ in range(3):
        connection.request("POST", "/mnist/classify", body, {"Content-Type": content_type})
        assert json.loads(connection.getresponse().read())["digit"] == 7
    connection.close()


def test_a_body_over_the_limit_is_refused_and_says_why(server, sample):
    answer = server.answer(sample("7_paint.png") + bytes(17 * MEGABYTE))
    assert (answer["code"], answer["status"]) == ("too_large", 404)


def test_a_chunked_upload_is_read(asgi, sample):
    body, content_type = multipart(sample("7_paint.png"), "7.png")
    headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    connection = HTTPConnection("127.0.0.1", asgi.port, timeout=20)
    pieces = iter([body[:50], body[50:]])
    connection.request("POST", "/mnist/classify", pieces, headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["digit"] == 7


def test_an_export_is_streamed(asgi, sample):
    asgi.answer(sample("7_paint.png"))
    staff = asgi.sign_in(f"staff-{time.monotonic_ns()}")
    response = staff.get(f"{asgi.url}/api/v1/predictions")
    assert response.json()["results"]


@contextlib.contextmanager
def unfinished(server, path: str, megabytes: float, count: int):
    """Clients whose bodies lack their last byte."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            size = int(megabytes * MEGABYTE)
            head = request(b"", MULTIPART, path=path, length=size)
            client.sendall(head + bytes(size - 1))
        yield


@pytest.mark.parametrize(
    ("path", "megabytes", "count"),
    [("/api/v1/batches", 64, 8), ("/api/v1/predictions", 22, 16), ("/mnist/classify", 16, 20)],
)
def test_77_large_bodies_without_an_end_leave_room_for_uploads(
    asgi, sample, path, megabytes, count
):
    with unfinished(asgi, path, megabytes, count):
        assert asgi.answer(sample("7_paint.png"))["digit"] == 7
        assert requests.get(f"{asgi.url}/healthz", timeout=5).status_code == 200


def test_77_large_bodies_of_strangers_are_not_kept_in_memory(asgi, sample):
    before = asgi.memory_bytes()
    with unfinished(asgi, "/api/v1/batches", 60, 4):
        assert asgi.answer(sample("7_paint.png"))["digit"] == 7
        assert asgi.memory_bytes() < before + 120 * MEGABYTE


def test_80_clients_that_send_a_byte_a_second_keep_nobody_waiting(asgi, sample):
    with contextlib.ExitStack() as stack:
        for number in range(200):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", asgi.port), 30))
            content = upload(sample("7_paint.png"))
            client.sendall(content[: 20 + number % (len(content) - 30)])
        assert asgi.answer(sample("7_paint.png"))["digit"] == 7


def test_80_a_thousand_requests_in_a_packet_are_answered_in_order(server, sample):
    """As many as the server takes: each response is whole, and the server goes on."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            connection.sendall(head * 1000)
            response = HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read())["status"] == "alive"
    assert server.answer(sample("7_paint.png"))["digit"] == 7


def test_a_query_that_is_not_utf_8_does_no_harm(server, sample):
    answer = send(server.port, upload(sample("7_paint.png"), path="/mnist/classify?a=%ff&model="))
    assert (answer.status, answer.body["digit"]) == (200, 7)


def test_nothing_that_clients_did_is_logged_as_an_error(server):
    if server.name == "uvicorn":
        pytest.skip("uvicorn logs a traceback for a response whose client has gone.")
    output = server.output()
    assert "Traceback" not in output, output[output.index("Traceback") :]
    assert "ERROR" not in output
