"""granian's command line, with workers that are replaced when they are killed.

    python -m mnistsite.server mnistsite.rsgi:application --interface rsgi ...

Pictures are decoded by native code. Should one ever crash a worker, sending it twice must not
stop the service: granian by itself gives up when a worker dies within 5.5 seconds of its start.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import granian.cli
import granian.log
from django.conf import settings
from granian.server import Server

SHARED, COUNTS = Path("/dev/shm"), "mnist-metrics-"
PR_SET_PDEATHSIG = 1  # of Linux's prctl


class PersistentServer(Server):
    """Gives up only on workers that end by themselves, such as on a mistake in the settings."""

    def _respawn_workers(self, workers, *args, **kwargs):
        killed = [idx for idx in workers if (self.wrks[idx].inner.exitcode or 0) < 0]
        super()._respawn_workers(workers, *args, **kwargs)
        for idx in killed:
            self.respawned_wrks.pop(idx, None)  # its successor starts with a clean record


def end_with_parent() -> None:
    """Ask the kernel to kill this process with the server: an orphan would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def folder_for_counts() -> tempfile.TemporaryDirectory:
    """A folder in memory: on a disk that is full, counting would kill the workers.

    It is named by its process, so that those of killed servers are known, and removed.
    """
    parent = SHARED if os.access(SHARED, os.W_OK) else Path(tempfile.gettempdir())
    for left in parent.glob(f"{COUNTS}*-*"):
        owner = left.name.removeprefix(COUNTS).partition("-")[0]
        if owner.isdecimal() and not is_running(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{COUNTS}{os.getpid()}-", dir=parent)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


if __name__ == "__main__":
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=end_with_parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
    granian.cli.Server = PersistentServer
    with folder_for_counts() as folder:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)  # before the settings read it
        log_format = settings.LOGGING["formatters"][settings.MNIST_LOG_FORMAT]
        granian.log.LOGGING_CONFIG["formatters"]["generic"] = log_format
        granian.cli.entrypoint()
