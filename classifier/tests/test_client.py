"""The client, against the real server; and what it makes of servers that are not."""

import os
import select
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from classifier import client
from classifier.client import Client, Denied, Refused, TryLater, Unreachable

from .server import Server

DIGITS = Path(__file__).parents[2] / "fixtures" / "digits"
SEVEN = DIGITS / "7_paint.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    with Server(folder, options=(), MNIST_REQUIRE_KEY="1") as running:  # with a worker
        yield running


def key_for(server, *scopes, **options):
    """A key of the account that the first start has made."""
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    wanted = ["test", "--owner", "admin", "--scopes", *scopes, *given]
    return server.manage("create_api_key", *wanted).strip()


@pytest.fixture(scope="module")
def key(server):
    return key_for(server, "classify", "read", "review", "train")


@pytest.fixture
def digits(server, key):
    with Client(server.url, key) as connected:
        yield connected


def test_a_picture_is_classified_looked_up_and_corrected(digits):
    answer = digits.classify(SEVEN)
    assert (answer["digit"], answer["status"]) == (7, "certain")
    said = digits.correct(answer["id"], 1, "it is a one")
    assert (said["from_label"], said["to_label"], said["reviewer"]) == (7, 1, "admin")
    assert digits.prediction(answer["id"])["label"] == 1
    assert list(digits.corrections(prediction=answer["id"])) == [said]


def test_a_file_keeps_its_name_whatever_its_letters(digits):
    answer = digits.classify(SEVEN.read_bytes(), 'süß "7".png')
    assert digits.prediction(answer["id"])["original_name"] == "süß '7'.png"


def test_a_list_is_read_page_by_page_and_filtered(digits):
    ids = [digits.classify(SEVEN)["id"] for _ in range(5)]
    listed = [row["id"] for row in digits.predictions(page_size=2)]
    assert listed[:5] == ids[::-1]
    assert len(listed) == len(set(listed))
    assert not list(digits.predictions(digit=4))


def test_many_pictures_are_answered_in_order_and_an_error_stands_alone(digits, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    seven, notes = digits.classify_many([SEVEN, tmp_path / "notes.png"])
    assert (seven["prediction"]["digit"], seven["error"]) == (7, None)
    assert (notes["name"], notes["error"]["code"]) == ("notes.png", "not_an_image")


def test_a_zip_is_read_in_the_background_and_told_picture_by_picture(digits, server, tmp_path):
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for name in ("7_paint.png", "3_paint.png"):
            archive.write(DIGITS / name, name)
    (version,) = digits.models()
    sent = digits.send_batch(tmp_path / "some.zip", model=version["name"])
    assert (sent["total"], sent["model"]) == (2, version["name"])
    server.until(lambda: digits.batch(sent["id"])["state"] == "done")
    read = [(each["name"], each["prediction"]["digit"]) for each in digits.outcomes(sent["id"])]
    assert read == [("7_paint.png", 7), ("3_paint.png", 3)]
    assert next(digits.batches())["id"] == sent["id"]
    with pytest.raises(Refused, match="nothing to resume"):
        digits.resume_batch(sent["id"])
    assert digits.cancel_batch(sent["id"])["state"] == "done"  # too late


def test_the_versions_are_listed_and_one_is_told(digits):
    (listed,) = digits.models()
    assert listed == digits.model(listed["name"])
    assert listed["state"] == "active"


def test_a_training_is_started_followed_and_cancelled(digits, server):
    run = digits.train("mine", corrections=False, epochs=1, network="original")
    assert (run["name"], run["plan"]["epochs"]) == ("mine", 1)
    digits.cancel_training(run["id"])
    server.until(lambda: digits.training_run(run["id"])["finished_at"])
    assert [each["id"] for each in digits.training_runs()] == [run["id"]]
    digits.resume_training(run["id"])
    digits.cancel_training(run["id"])
    with pytest.raises(Refused, match="invalid"):
        digits.train("mine", epochs=0)


def test_an_answer_is_explained_when_asked(digits):
    assert digits.classify(SEVEN, explain=True)["explanation"]["steps"]
    assert "explanation" not in digits.classify(SEVEN)


def test_a_refusal_has_its_code_and_the_request_id(digits):
    with pytest.raises(Refused, match="not_an_image") as caught:
        digits.classify(b"no picture")
    assert (caught.value.status, caught.value.code) == (404, "not_an_image")
    assert caught.value.detail
    assert caught.value.request_id
    with pytest.raises(Refused) as caught:
        digits.correct(1, 11)
    assert (caught.value.status, caught.value.code) == (400, "invalid")
    assert caught.value.problem["errors"].keys() == {"label"}


def test_without_a_key_or_its_scope_it_is_denied(server):
    with Client(server.url) as nobody, pytest.raises(Denied) as caught:
        nobody.classify(SEVEN)
    assert (caught.value.status, caught.value.code) == (401, "not_authenticated")
    with Client(server.url, key_for(server, "classify")) as uploader:
        answer = uploader.classify(SEVEN)
        with pytest.raises(Denied, match="wrong_scope"):
            uploader.correct(answer["id"], 1)


def test_over_the_quota_it_is_told_when_to_come_back(server):
    with Client(server.url, key_for(server, "classify", quota=1), patience_s=1) as uploader:
        uploader.classify(SEVEN)
        with pytest.raises(TryLater, match="over_quota") as caught:
            uploader.classify(SEVEN)
    assert 0 < caught.value.retry_after_s <= 24 * 3600


def test_the_command_line_takes_host_port_and_image(server, key):
    command = [sys.executable, "-m", "classifier.client", "127.0.0.1", str(server.port)]
    environment = os.environ | {"MNIST_API_KEY": key}
    done = subprocess.run(
        [*command, SEVEN, "no/such.png"],
        cwd=DIGITS.parents[1],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"{SEVEN}: 7, " in done.stdout
    assert "no/such.png" in done.stderr


def test_it_needs_nothing_but_python(tmp_path):
    """One file, copied away from the project, run without what is installed."""
    (tmp_path / "client.py").write_text(Path(client.__file__).read_text())
    command = [sys.executable, "-I", "-S", tmp_path / "client.py", "--help"]
    assert "host" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def answering(*answers):
    """A server that gives these answers in turn, each a status, headers and a body."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, headers, body = left.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = "X-Drop" in headers

        def log_message(self, *_):
            pass

    class OneByOne(HTTPServer):
        def handle_error(self, *_):
            pass

    with OneByOne(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


BUSY = (503, {"Retry-After": "1"}, b'{"status": 503, "code": "overloaded", "detail": "Later."}')
FOUND = (200, {}, b'{"digit": 7}')


def test_it_waits_when_told_to_and_no_longer_than_its_patience(monkeypatch):
    waits = []
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=waits.append))  # of no other thread
    with answering(BUSY, BUSY, FOUND, BUSY, BUSY) as url:
        with Client(url, patience_s=2) as patient:
            assert patient.prediction(1)["digit"] == 7
        with Client(url, patience_s=1) as hasty, pytest.raises(TryLater, match="overloaded"):
            hasty.prediction(1)
    assert waits == [1, 1, 1]


def test_a_connection_that_was_closed_meanwhile_is_opened_again():
    dropped = (200, {"X-Drop": "1"}, b'{"digit": 7}')
    with answering(dropped, FOUND) as url, Client(url) as kept:
        assert kept.prediction(1)["digit"] == 7
        select.select([kept._connection.sock], [], [], 5)  # until it is closed
        assert kept.prediction(1)["digit"] == 7


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html>hello</html>"), "is not the service"),
        ((200, {}, b'{"hello": 1}'), "is not the service"),
        ((404, {}, b'{"error": "x"}'), "is not the service"),
        ((301, {"Location": "https://digits.example/"}, b""), "has moved to https://digits"),
        ((200, {"Content-Length": "50", "X-Drop": "1"}, b"{"), "did not answer"),
    ],
    ids=["HTML", "other JSON", "other error", "redirect", "cut short"],
)
def test_what_is_not_the_service_is_told_as_such(answer, words):
    with answering(answer) as url, Client(url) as lost, pytest.raises(Unreachable, match=words):
        lost.prediction(1)


@pytest.mark.parametrize(
    ("url", "key"), [("ftp://x", ""), ("127.0.0.1:8000", ""), ("http://x", "a\r\nb")]
)
def test_an_address_or_a_key_that_is_none_is_refused(url, key):
    with pytest.raises(ValueError, match="Expected"):
        Client(url, key)
