"""uvicorn's workers, replaced when they die, ended when the server is.

python -m mnistsite.server --host 127.0.0.1 --port 8000 --workers 2
"""

import argparse
import ctypes
import logging
import logging.config
import os
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from uvicorn import Config
from uvicorn.supervisors import Multiprocess

SHARED, COUNTS = Path("/dev/shm"), "mnist-metrics-"
PR_SET_PDEATHSIG = 1  # of Linux's prctl
BACKLOG = 1024  # connections that wait for a worker
KEEP_ALIVE_S = 130  # longer than proxies keep a connection that nobody uses
GOODBYE_S = 10  # for what is being answered when the server is stopped
ANSWER_S = 20  # for a worker to say that it is there; it may be starting on a busy machine
# glibc gives memory back to the system after each picture, and the system has to clear it for the
# next one, which takes a quarter of a drawing's time. Blocks of 4 MB and more still go back.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}

logger = logging.getLogger("mnistsite.server")


class Supervisor(Multiprocess):
    """Says which worker died, and waits for no worker that does not end."""

    def keep_subprocess_alive(self):
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                logger.warning("Worker %s died (%s). Another begins.", old.pid, old.exitcode)

    def join_all(self):
        for each in self.processes:
            each.process.join(GOODBYE_S)
            if each.exitcode is None:  # one that is told to stop while it starts may not hear
                each.process.kill()
                each.process.join()


def serve(host: str, port: int, workers: int) -> None:
    """Serve until told to stop."""
    config = Config(
        "mnistsite.asgi:application",
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="mnistsite.protocol:Protocol",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # Django's settings say which are believed
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GOODBYE_S,
        timeout_worker_healthcheck=ANSWER_S,
    )
    Supervisor(config, [config.bind_socket()]).run()


def end_with_parent() -> None:
    """Ask the kernel to kill this process with the server: an orphan would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def allow_many_files() -> None:
    """Each connection is one; most systems start with 1024, and allow more to those who ask."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
    allow_many_files()
    for name, size in MALLOC.items():  # of the workers, which begin with it
        os.environ.setdefault(name, size)
    with folder_for_counts() as folder:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)  # before the settings read it
        from django.conf import settings

        logging.config.dictConfig(settings.LOGGING)
        serve(options.host, options.port, options.workers)


if __name__ == "__mp_main__" and sys.platform == "linux":  # a worker
    end_with_parent()
if __name__ == "__main__":
    main()
