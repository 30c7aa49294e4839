"""A picture that takes too long to read: its process ends, and the log says for which request."""

import signal
import subprocess
import sys

import pytest

from classifier import deadline, inference

from .server import ROOT

READ = """
import sys, threading
import django
django.setup()
from django.conf import settings
from classifier import deadline, request_id
settings.MNIST_READ_TIMEOUT_S, deadline.CHECK_INTERVAL_SECONDS = float(sys.argv[1]), 0.05
deadline.watch()
request_id.current.set("mine")
with deadline.read_deadline():
    threading.Event().wait(float(sys.argv[2]))
print("done")
"""


def read(timeout_seconds: float, takes_seconds: float) -> subprocess.CompletedProcess:
    """Run a process that reads one picture."""
    arguments = [sys.executable, "-c", READ, str(timeout_seconds), str(takes_seconds)]
    environment = {"DJANGO_SETTINGS_MODULE": "mnistsite.settings", "DJANGO_SECRET_KEY": "test"}
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_74_a_process_that_reads_for_too_long_is_told_to_stop():
    ended = read(timeout_seconds=0.2, takes_seconds=30)
    assert ended.returncode == -signal.SIGTERM
    assert "request mine takes more than 0.2 s" in ended.stderr


def test_74_a_process_that_is_done_in_time_goes_on():
    ended = read(timeout_seconds=30, takes_seconds=0)
    assert (ended.returncode, ended.stdout) == (0, "done\n")


@pytest.mark.django_db
def test_each_upload_is_read_under_the_deadline(post, monkeypatch):
    watched = []
    original = inference.Predictor.read

    def read(predictor, *args):
        watched.append(dict(deadline.started_at))
        return original(predictor, *args)

    monkeypatch.setattr(inference.Predictor, "read", read)
    assert post(HTTP_X_REQUEST_ID="mine").status_code == 200
    assert [request for _, request in watched[0].values()] == ["mine"]
    assert not deadline.started_at
