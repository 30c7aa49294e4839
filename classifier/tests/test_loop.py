"""Does the loop work? On the real server: odd uploads, people's words, a training, a promotion."""

import os
import re
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from classifier.client import Client
from fixtures.odd import odd_uploads
from ml.drawing import draw_digit
from ml.preprocess import crop, frame, thicken

from .server import Server

pytestmark = pytest.mark.slow
QUEUE = "/admin/classifier/prediction/review"
RUNS = "/api/v1/training-runs"
VERSIONS = "/admin/classifier/modelversion"


@pytest.fixture
def data(tmp_path):
    """MNIST, where this machine has it; else digits that we draw, as many to measure on."""
    cache = Path(os.environ.get("KERAS_HOME") or "~/.keras", "datasets", "mnist.npz").expanduser()
    for path in (settings.MNIST_DATA, cache):
        if path and Path(path).exists():
            return str(path)
    rng = np.random.default_rng(0)
    (x_train, y_train), (x_test, y_test) = drawn(12_000, rng), drawn(10_000, rng)
    path = tmp_path / "drawn.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(path)


def drawn(count, rng):
    """Pixels (count, 28, 28) uint8 of usual ways to write digits, and which (count,)."""
    digits = rng.integers(10, size=count)
    return np.stack([frame(thicken(crop(draw_digit(each, rng)))) for each in digits]), digits


@pytest.fixture
def server(tmp_path, data):
    with Server(tmp_path, workers=1, options=(), MNIST_DATA=data) as running:
        yield running


@pytest.fixture
def staff(server):
    return server.sign_in("reviewer")


def review(server, staff, shown: dict[int, int]) -> int:
    """Answer the queue until it is empty, by what each upload shows. Returns how many."""
    done = 0
    while pictures := post(server, staff, f"{QUEUE}/next", count=20)["pictures"]:
        for each in pictures:
            post(server, staff, f"{QUEUE}/answer", picture=each["id"], label=shown[each["id"]])
        done += len(pictures)
    return done


def post(server, staff, path, **content) -> dict:
    response = staff.post(server.url + path, json=content)
    assert response.ok, response.text
    return response.json()


def trained(server, staff) -> dict:
    """Start a training by the usual options and see it to its end."""
    address = f"{server.url}{RUNS}/{post(server, staff, RUNS, name='odd')['id']}"
    while (run := staff.get(address).json())["state"] in ("waiting", "running"):
        time.sleep(1)
    assert run["state"] == "done", run["reason"] + server.output()
    return run


def promote(server, staff) -> str:
    """Let the newest version answer. Returns the page that told what the gate says."""
    pk = re.search(r"/modelversion/(\d+)/change/", staff.get(f"{server.url}{VERSIONS}/").text)[1]
    address = f"{server.url}{VERSIONS}/{pk}/promote"
    page = staff.get(address).text
    staff.post(address, headers={"Referer": address})
    return page


def accuracy(server, uploads, model="") -> float:
    client = Client(server.url)
    right = [client.classify(each, model=model)["digit"] == digit for digit, each in uploads]
    return float(np.mean(right))


def test_corrections_of_an_odd_style_are_learnt_and_nothing_else_is_forgotten(server, staff):
    client = Client(server.url)
    shown = {client.classify(upload)["id"]: digit for digit, upload in odd_uploads(200, seed=1)}
    assert review(server, staff, shown) == 200
    run = trained(server, staff)
    started, finished = (datetime.fromisoformat(run[key]) for key in ("started_at", "finished_at"))
    assert (finished - started).total_seconds() < 300
    assert "The gate: passed" in promote(server, staff)
    time.sleep(5)
    fresh = odd_uploads(200, seed=2)
    assert server.answer(fresh[0][1])["model"] == "odd"
    before, after = accuracy(server, fresh, run["start"]), accuracy(server, fresh)
    print(f"{before:.1%} -> {after:.1%} in {finished - started}; {run['log']}")
    assert before <= 0.6
    assert after >= 0.95
    forgotten = re.search(r"MNIST test images \(10000\): (.*?)% against (.*?)%", run["log"])
    assert float(forgotten[2]) - float(forgotten[1]) <= 0.05
