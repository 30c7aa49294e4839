"""Work that several processes share, its results in order."""

import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import django
from django.apps import apps
from django.db import connections
from django.utils.module_loading import import_string

AHEAD = 4  # parts that wait for each process: none is idle, and results do not pile up


def over(processes: int, task: str, parts: Sequence, *arguments) -> Iterator:
    """What the function of this name returns for each part, in their order."""
    connections.close_all()  # none may be used on both sides of a fork
    pool = ProcessPoolExecutor(
        min(processes, len(parts)), initializer=_begin, initargs=[os.getpid()]
    )
    coming = (pool.submit(_do, task, part, *arguments) for part in parts)
    try:
        waiting = deque(islice(coming, processes * AHEAD))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(islice(coming, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _do(task: str, part, *arguments):
    return import_string(task)(part, *arguments)


def _begin(parent: int) -> None:
    """Make ready a process that was forked from the command, or started anew."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to answer
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    if not apps.ready:
        django.setup()
    logging.disable(logging.INFO)  # said once for each process, it is noise


def _end_with(parent: int) -> None:
    """End when the command was killed: it could not tell us."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
