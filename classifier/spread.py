"""Work that several processes share, its results in order."""

import logging
import multiprocessing
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

_stop_requested = None  # a number that all processes share; None in one that shares no work


class Stopped(Exception):
    """Nobody wants the result of this part any more."""


def over(processes: int, task: str, parts: Sequence, *arguments) -> Iterator:
    """What the function of this name returns for each part, in their order.

    When nobody takes the rest, as after Ctrl-C, parts end where they call `stop_if_requested`.
    """
    connections.close_all()  # none may be used on both sides of a fork
    stop_requested = multiprocessing.RawValue("b", 0)  # an Event takes 3 us to ask, and has a lock
    pool = ProcessPoolExecutor(
        min(processes, len(parts)), initializer=_begin, initargs=[os.getpid(), stop_requested]
    )
    coming = (pool.submit(_do, task, part, *arguments) for part in parts)
    try:
        waiting = deque(islice(coming, processes * AHEAD))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(islice(coming, 1))
            yield result
    finally:
        stop_requested.value = 1
        pool.shutdown(cancel_futures=True)


def stop_if_requested() -> None:
    """Raises Stopped when nobody wants what this process is working at."""
    if _stop_requested and _stop_requested.value:
        raise Stopped


def _do(task: str, part, *arguments):
    return import_string(task)(part, *arguments)


def _begin(parent: int, stop_requested) -> None:
    """Make ready a process that was forked from the command, or started anew."""
    global _stop_requested
    _stop_requested = stop_requested
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
