"""Replace a process that takes too long to read a picture.

OpenCV cannot be interrupted. So when one picture takes longer than MNIST_READ_TIMEOUT_S, this
process is told to stop: it finishes what else it is doing, ends, and its server starts another.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from . import request_id

CHECK_INTERVAL_SECONDS = 0.5
SHUTDOWN_TIMEOUT_SECONDS = 5.0  # the thread that decodes would keep the process until it is done

logger = logging.getLogger(__name__)
started_at: dict[int, tuple[float, str]] = {}  # by thread: when it began to read, for whom


@contextmanager
def read_deadline() -> Iterator[None]:
    """Read a picture inside this context."""
    thread = threading.get_ident()
    started_at[thread] = time.monotonic(), request_id.current.get()
    try:
        yield
    finally:
        del started_at[thread]


def watch() -> None:
    """Watch the pictures that this process reads, from a thread of its own."""
    threading.Thread(target=_watch, name="read-deadline", daemon=True).start()


def _watch() -> None:
    while True:
        time.sleep(CHECK_INTERVAL_SECONDS)
        now = time.monotonic()
        for since, request in list(started_at.values()):
            if now > since + settings.MNIST_READ_TIMEOUT_S:
                _replace_process(request)


def _replace_process(request: str) -> None:
    logger.critical(
        "The picture of request %s takes more than %s s to read. This process ends; "
        "its server starts another.",
        *(request or "-", settings.MNIST_READ_TIMEOUT_S),
    )
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SHUTDOWN_TIMEOUT_SECONDS)
    os._exit(1)
