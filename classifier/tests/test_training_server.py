"""Trainings on the real server with its worker: progress, cancelling, and sudden deaths."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from .server import Server, proportional_megabytes

pytestmark = pytest.mark.slow
RUNS = "/api/v1/training-runs"
OPEN = ("waiting", "running")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    pixels, digits = rng.integers(0, 255, (1000, 28, 28), np.uint8), np.arange(1000) % 10
    few = {"x_train": pixels, "y_train": digits, "x_test": pixels[:100], "y_test": digits[:100]}
    np.savez(folder / "few.npz", **few)
    with Server(folder, workers=1, options=(), MNIST_DATA=str(folder / "few.npz")) as running:
        yield running


@pytest.fixture(scope="module")
def staff(server):
    return server.sign_in("boss")


@pytest.fixture
def start(server, staff):
    """Starts a training that takes a minute if it is let; ends it after the test."""
    started = []

    def begin(**options):
        plain = {"network": "original", "corrections": False, "epochs": 100, "batch_size": 500}
        options = plain | options
        response = staff.post(server.url + RUNS, json=options)
        assert response.status_code == 201, response.text
        started.append(Run(server, staff, response.json()["id"]))
        return started[-1]

    yield begin
    for run in started:
        run.post("cancel")
        run.wait_while("waiting", "running")


class Run:
    """A training run as the API tells of it."""

    def __init__(self, server, staff, pk):
        self.address, self.staff, self.server = f"{server.url}{RUNS}/{pk}", staff, server

    def post(self, what):
        return self.staff.post(f"{self.address}/{what}")

    def told(self) -> dict:
        return self.staff.get(self.address).json()

    def wait_while(self, *states, seconds=120) -> dict:
        for _ in range(seconds * 5):
            if (told := self.told())["state"] not in states:
                return told
            time.sleep(0.2)
        raise TimeoutError(f"{told}\n{self.server.output()}")

    def wait_for_an_epoch(self) -> dict:
        for _ in range(600):
            if "Epoch 1 of" in (told := self.told())["log"] or told["state"] not in OPEN:
                return told
            time.sleep(0.2)
        raise TimeoutError(f"{told}\n{self.server.output()}")


def worker_of(server) -> int:
    """The process that works for this server, which may just be starting."""
    keeper = server.process.pid
    return eventually(
        lambda: [pid for pid in children(keeper) if "manage.py work" in command(pid)]
    )[0]


def eventually(found, seconds=10):
    """What a function finds once it finds something."""
    deadline = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return what


def is_gone(pid: int) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_a_training_shows_its_progress_and_becomes_a_candidate(start):
    run = start(name="first", epochs=2)
    run.wait_for_an_epoch()
    told = run.wait_while(*OPEN)
    assert (told["state"], told["version"], told["progress"]["part"]) == ("done", "first", 1)
    assert "MNIST test images (100)" in told["log"]


def test_a_trained_version_goes_on_learning_under_another_name(start, staff, server):
    told = start(name="second", start="first", epochs=1).wait_while(*OPEN)
    assert (told["state"], told["start"], told["version"]) == ("done", "first", "second")


def test_there_is_one_training_at_a_time(start, staff, server):
    start()
    response = staff.post(server.url + RUNS, json={"corrections": False})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_a_cancelled_training_ends_and_can_be_resumed(start):
    run = start(name="parted", epochs=5)
    run.wait_for_an_epoch()
    run.post("cancel")
    assert run.wait_while(*OPEN, seconds=20)["state"] == "cancelled"
    assert run.post("resume").status_code == 200
    told = run.wait_while(*OPEN)
    assert (told["state"], told["version"]) == ("done", "parted")
    epochs = told["progress"]["epochs"]  # the teacher's and its own
    assert told["log"].count(f"Epoch 1 of {epochs}") == 1  # it went on after it


def test_the_death_of_a_training_is_told_with_its_reason(start, server):
    run = start()
    run.wait_for_an_epoch()
    (training,) = children(worker_of(server))
    os.kill(training, signal.SIGKILL)
    told = run.wait_while(*OPEN, seconds=10)
    assert (told["state"], told["version"]) == ("failed", None)
    assert "killed" in told["reason"]


def test_the_death_of_a_worker_ends_its_training_and_another_takes_over(start, server):
    run = start(name="orphan", epochs=5)
    run.wait_for_an_epoch()
    worker = worker_of(server)
    (training,) = children(worker)
    os.kill(worker, signal.SIGKILL)
    told = run.wait_while(*OPEN, seconds=10)
    assert told["state"] == "failed"
    assert "worker" in told["reason"]
    eventually(lambda: is_gone(training))
    assert run.post("resume").status_code == 200
    assert run.wait_while(*OPEN)["state"] == "done"
    assert worker_of(server) != worker


def test_an_idle_worker_has_no_tensorflow_and_is_small(server):
    worker = worker_of(server)
    assert "tensorflow/" not in Path(f"/proc/{worker}/maps").read_text()
    assert proportional_megabytes(str(worker)) < 100


def test_a_stopped_server_takes_its_worker_and_the_training_with_it(tmp_path, server):
    settings = {"MNIST_DATA": server.environment["MNIST_DATA"]}
    with Server(tmp_path, workers=1, options=(), **settings) as other:
        queue = "from classifier import tasks, training; tasks.send(training.begin('net'))"
        other.manage("shell", "--command", queue)
        worker = worker_of(other)
        (training,) = eventually(lambda: children(worker))
    eventually(lambda: is_gone(worker) and is_gone(training))
    shown = "from classifier.models import TrainingRun as R; r = R.objects.get(); print(r.state)"
    assert other.manage("shell", "--verbosity", "0", "--command", shown).strip() == "failed"
