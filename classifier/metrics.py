"""What Prometheus asks, noted on the way and summed over all workers of a server.

A request only notes what happened. Once a second each worker counts its notes, in a file of its
own, and whoever is asked adds the files up: counting in the midst of a request took 45
microseconds, a note takes one. What the database knows is looked up by the thread of health.py,
so that nobody who asks waits for a database.
"""

import collections
import contextlib
import os
import re
import shutil
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric

BUCKETS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
REVIEWS_COUNTED = 1000
COUNT_EVERY_S = 1.0
LATE_AFTER_S = 3.0  # figures that are older say that the database does not answer
LIVE = re.compile(r"gauge_live\w*_(\d+)\.db")


class Durations(Histogram):
    """A histogram that takes many durations for the price of one."""

    def observe_all(self, seconds: list[float]) -> None:
        self._sum.inc(sum(seconds))
        within = collections.Counter(bisect_left(self._upper_bounds, each) for each in seconds)
        for bucket, count in within.items():
            self._buckets[bucket].inc(count)


REQUESTS = Counter(
    "mnist_requests",
    "Requests by address, HTTP status, and the code of a problem",
    ["route", "status", "code"],
)
SECONDS = Durations(
    "mnist_request_seconds",
    "From a request that is there in full to its answer",
    ["route"],
    buckets=BUCKETS_S,
)
ANSWERS = Counter("mnist_answers", "Uploads that were read and kept", ["digit", "status", "model"])
STAGES = Durations(
    "mnist_stage_seconds",
    "The stages of an upload: decode, prepare, network, store",
    ["stage"],
    buckets=BUCKETS_S,
)


# Noting and counting

_notes: collections.deque = collections.deque(
    maxlen=100_000
)  # a metric, its labels, and seconds or nothing
_counting = threading.Lock()
_started = False


def note(metric: Counter | Durations, labels: tuple, seconds: float | None = None) -> None:
    """Count one more, or a duration, within a second."""
    _notes.append((metric, labels, seconds))
    if not _started:
        _start()


def count() -> None:
    """Count what was noted."""
    with _counting:
        noted = collections.defaultdict(list)
        while _notes:
            metric, labels, seconds = _notes.popleft()
            noted[metric, labels].append(seconds)
        for (metric, labels), seconds in noted.items():
            child = _child(metric, labels)
            child.inc(len(seconds)) if seconds[0] is None else child.observe_all(seconds)


@lru_cache(1024)
def _child(metric: Counter | Durations, labels: tuple) -> Counter | Durations:
    return metric.labels(*labels)


def _start() -> None:
    global _started
    _started = True
    threading.Thread(target=_count_for_ever, name="count-metrics", daemon=True).start()


def _count_for_ever() -> None:
    while True:
        time.sleep(COUNT_EVERY_S)
        count()


def _after_fork() -> None:
    """Threads do not survive a fork; what was noted before it is the parent's to count."""
    global _started, _counting
    _started, _counting = False, threading.Lock()
    _notes.clear()


os.register_at_fork(after_in_child=_after_fork)


class Laps:
    """Notes how long each stage takes, of stages that follow on one another."""

    def __init__(self):
        self._since = time.perf_counter()

    def __call__(self, stage: str) -> None:
        """A stage is over, and the next begins."""
        now = time.perf_counter()
        note(STAGES, (stage,), now - self._since)
        self._since = now


def note_answer(digit: int, reason: str, version: str) -> None:
    """An upload was read and kept."""
    note(ANSWERS, (digit, reason or "certain", version))


class MetricsMiddleware:
    """Counts requests by the address's pattern, which are few, whatever is asked."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.route if match else "-"
        note(REQUESTS, (route, response.status_code, getattr(response, "code", "")))
        note(SECONDS, (route,), time.perf_counter() - started)
        return response


def exposition() -> bytes:
    """All figures in Prometheus's text format; those of other workers as of a second ago."""
    count()
    registry = CollectorRegistry()
    registry.register(Site())
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return generate_latest(REGISTRY) + generate_latest(registry)
    drop_gauges_of_the_dead(Path(settings.PROMETHEUS_MULTIPROC_DIR))
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)


def drop_gauges_of_the_dead(folder: Path) -> None:
    """Forget how many requests waited in a worker that was killed; its counts stay."""
    for file in folder.glob("gauge_live*.db"):
        found = LIVE.fullmatch(file.name)
        if found and not Path(f"/proc/{found[1]}").exists() and os.path.isdir("/proc/self"):
            with contextlib.suppress(FileNotFoundError):
                file.unlink()


class Site:
    """What is the same whichever worker is asked: what the database knew when it last answered."""

    figures: list[Metric] = []
    collected_at = float("-inf")
    in_background = False  # whether a thread collects once a second; else whoever asks does

    @classmethod
    def collect_from_database(cls) -> None:
        """Ask the database; while it does not answer, the figures of before stay."""
        try:
            cls.figures = list(_site())
            cls.collected_at = time.monotonic()
        except DatabaseError:
            cls.collected_at = float("-inf")

    def collect(self) -> Iterator[Metric]:
        if not self.in_background:
            self.collect_from_database()
        up = time.monotonic() < self.collected_at + LATE_AFTER_S
        yield GaugeMetricFamily("mnist_database_up", "Whether the database answers", int(up))
        yield from self.figures


def _site() -> Iterator[Metric]:
    from . import registry, review, runs, tasks

    text = f"Uploads that wait for review, counted up to {REVIEWS_COUNTED}"
    yield GaugeMetricFamily("mnist_reviews_waiting", text, review.waiting_count(REVIEWS_COUNTED))
    waiting = tasks.waiting_count()
    if waiting is not None:
        yield GaugeMetricFamily("mnist_tasks_waiting", "Background work not begun", waiting)
    run = runs.in_progress()
    running = int(run is not None and run.state == runs.State.RUNNING)
    yield GaugeMetricFamily("mnist_training_running", "Whether a training runs", running)
    active = registry.active_if_any()
    version = GaugeMetricFamily(
        "mnist_active_model", "1 for the version that is to answer", labels=["model"]
    )
    if active:
        version.add_metric([active.name], 1)
    yield version


def empty_folder(server: str) -> str:
    """Make the folder in which the processes of a server keep their counts.

    It is in memory where it can be: on a disk that is full, counting would end the processes.
    """
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"mnist-metrics-{server}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return str(folder)
