"""More than one machine: two web processes and two workers on PostgreSQL, Redis and S3."""

import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest

from .server import ROOT, Server
from .services import postgres, redis, s3

pytestmark = pytest.mark.slow
BUCKET = "digits"
KEYS = {
    "AWS_ACCESS_KEY_ID": "only",
    "AWS_SECRET_ACCESS_KEY": "for this test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """The settings of machines that share nothing but three servers."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    rng = np.random.default_rng(0)
    pixels, digits = rng.integers(0, 255, (300, 28, 28), np.uint8), np.arange(300) % 10
    data = tmp_path / "few.npz"
    np.savez(data, x_train=pixels, y_train=digits, x_test=pixels, y_test=digits)
    with postgres() as database, redis() as queue, s3(BUCKET) as endpoint:
        yield {
            "DATABASE_URL": database,
            "TASKS_REDIS_URL": queue,
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT": endpoint,
            "MNIST_DATA": str(data),
        }


def machine(folder, stack, shared):
    """A web process on a machine of its own, and a worker on another one."""
    (folder / "worker").mkdir(parents=True)
    server = stack.enter_context(Server(folder, workers=1, **shared))
    own = {"MEDIA_ROOT": str(folder / "worker" / "media")}
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "work"],
        cwd=ROOT,
        env=server.environment | own,
        stdout=server.log,
        stderr=server.log,
    )
    stack.callback(worker.wait)
    stack.callback(worker.kill)
    return server


def test_what_is_trained_on_one_machine_answers_on_another(tmp_path, shared, sample):
    with ExitStack() as stack:
        one, other = (machine(tmp_path / name, stack, shared) for name in ("one", "other"))
        kept = one.answer(sample("7_paint.png"))
        assert kept["digit"] == 7
        begin = (
            "from classifier import tasks, training; tasks.send(training.begin('far', epochs=1))"
        )
        one.manage("shell", "--command", begin)
        wait_for_the_end(one)
        one.manage("activate_model", "far", "--overrule", "a test")
        time.sleep(5)
        assert other.answer(sample("7_paint.png"))["model"] == "far"
        assert not other.files() or {path.split("/")[0] for path in other.files()} == {"models"}


def wait_for_the_end(server: Server) -> None:
    show = "from classifier.models import TrainingRun as R; r = R.objects.get()"
    for _ in range(60):
        state, reason = server.manage(
            "shell", "-v", "0", "--command", f"{show}; print(r.state, r.reason, sep='|')"
        ).split("|")
        if state not in ("waiting", "running"):
            assert state == "done", reason + server.output()
            return
        time.sleep(1)
    raise TimeoutError(server.output())
