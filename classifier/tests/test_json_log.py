import json
import logging
import os
import signal

import pytest

from mnistsite.json_log import JsonFormatter

from .server import Server


def formatted(message="", *arguments, error=None, **extra) -> str:
    record = logging.LogRecord("a.logger", logging.ERROR, "", 0, message, arguments, error)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


def test_a_record_is_an_object_on_one_line():
    line = formatted("%s was sent", 'a\n2026 ERROR "forged" \x00\u2028 name.png')
    assert len(line.splitlines()) == 1
    told = json.loads(line)
    assert told["message"].startswith("a\n2026 ERROR")
    assert (told["level"], told["logger"]) == ("ERROR", "a.logger")
    assert told["time"].endswith("+00:00")


def test_an_error_is_told_with_its_trace_on_the_same_line():
    try:
        raise ValueError("wrong")
    except ValueError as error:
        line = formatted("It failed.", error=(ValueError, error, error.__traceback__))
    assert len(line.splitlines()) == 1
    assert "Traceback" in json.loads(line)["error"]


@pytest.mark.django_db
def test_a_record_has_the_request_it_is_about(client, caplog, monkeypatch):
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    lines = []
    monkeypatch.setattr(caplog.handler, "emit", lambda record: lines.append(formatted_by(record)))
    client.post("/mnist/classify", headers={"X-Request-ID": "my-id"})
    logging.getLogger("classifier").error("outside of a request")
    said = [json.loads(line) for line in lines]
    assert said[0]["request_id"] == "my-id"
    assert "request_id" not in said[-1]


def formatted_by(record) -> str:
    return JsonFormatter().format(record)


def test_the_server_logs_json_when_asked_and_nothing_of_the_upload(tmp_path, sample):
    with Server(tmp_path, workers=1, MNIST_LOG_FORMAT="json") as server:
        server.answer(sample("7_paint.png"))
        server.answer(b"no picture")
        os.kill(int(server.worker_pids()[0]), signal.SIGKILL)
        server.answer_again(b"no picture")
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    said = [json.loads(line) for line in lines]
    assert any("not_an_image" in each["message"] and each["request_id"] for each in said)
    assert any("Unexpected exit from worker" in each["message"] for each in said)
    assert "picture.png" not in server.output()
    assert "Traceback" not in server.output()
