"""What a machine does to a server, done to a real one: nothing that was answered is lost."""

import os
import signal
from pathlib import Path

import pytest

from .server import Server

pytestmark = pytest.mark.slow


# Processes


def test_a_worker_that_crashes_is_replaced_however_often(tmp_path, sample):
    """As a picture would that crashes the native code which decodes it."""
    with Server(tmp_path) as server:
        for _ in range(3):
            before = server.worker_pids()
            os.kill(int(before[0]), signal.SIGSEGV)
            assert server.answer_again(sample("7_paint.png"))["digit"] == 7  # from the other one
            server.until(lambda before=before: len(set(server.worker_pids()) - set(before)) == 1)
        assert server.process.poll() is None


def test_a_killed_server_leaves_no_process_that_keeps_the_port(tmp_path, sample):
    with Server(tmp_path) as server:
        workers = server.worker_pids()
        server.process.kill()
        server.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    with Server(tmp_path) as again:
        assert again.answer(sample("7_paint.png"))["digit"] == 7
