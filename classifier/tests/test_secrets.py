"""Secrets stay out of logs and answers, also when something goes wrong, at the most talkative."""

import pytest
import requests

from .server import PASSWORD, Server

METRICS_KEY = "key-of-the-metrics"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"LOG_LEVEL": "DEBUG", "MNIST_REQUIRE_KEY": "1", "MNIST_METRICS_KEY": METRICS_KEY}
    with Server(tmp_path_factory.mktemp("secrets"), workers=1, **settings) as running:
        yield running


def test_no_secret_is_logged_or_told(server, sample):
    start = len(server.output())
    staff = server.sign_in("boss")
    key = server.manage("create_api_key", "robot", "--owner", "boss").strip()
    answers = [
        *calls(server, key, sample),
        *calls(server, key[:-4], sample),
        staff.get(f"{server.url}/api/v1/models/none"),
        staff.post(f"{server.url}/admin/login/", {"username": "boss", "password": PASSWORD}),
        staff.get(f"{server.url}/admin/classifier/apikey/1/change/"),
    ]
    database = server.folder / "db.sqlite3"
    away = database.rename(server.folder / "away")
    answers += calls(server, key, sample)
    away.rename(database)
    assert {200, 401, 403, 503} <= {answer.status_code for answer in answers}
    log = server.output(start)
    assert "503" in log
    told = log + "".join(answer.text for answer in answers)
    secrets = {
        "key": key.split("_", 2)[2][:-4],
        "password": PASSWORD,
        "metrics key": METRICS_KEY,
        "secret key": server.environment["DJANGO_SECRET_KEY"],
        "session": staff.cookies["sessionid"],
    }
    assert [name for name, secret in secrets.items() if secret in told] == []


def calls(server, key, sample) -> list:
    """What a program with a key gets, at three addresses."""
    headers = {"Authorization": f"Bearer {key}"}
    image = {"image": ("seven.png", sample("7_paint.png"))}
    return [
        requests.post(f"{server.url}/mnist/classify", files=image, headers=headers, timeout=60),
        requests.get(f"{server.url}/api/v1/predictions", headers=headers, timeout=60),
        requests.get(f"{server.url}/metrics", headers=headers, timeout=60),
    ]
