"""Is this process alive, can it read pictures, and can it store them?

A thread runs the checks once a second. A request only reads the latest result, so that no
response waits for a database, a disk or a network. A check that does not end is a failure.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from django.db import close_old_connections

from . import counters, inference, metrics, store_checks

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
LATE_AFTER_S = 2.0  # so long after a check should have begun it should have ended


class Readiness(NamedTuple):
    """Whether pictures are read and stored, by which version, and what is wrong if anything is."""

    ready: bool
    version: str
    problem: str


class Watch:
    """The thread that checks, and what it found last."""

    running = False
    latest = Readiness(False, "", "")
    checked_at = float("-inf")
    checking = ""  # what is being looked at, for when that does not end


def watch() -> None:
    """Check once a second from now on; for a process that serves."""
    if Watch.running:
        return
    Watch.running = metrics.Site.in_background = True
    Watch.latest, Watch.checked_at = Readiness(False, "", "It has just started."), time.monotonic()
    threading.Thread(target=_watch, name="watch-health", daemon=True).start()


def _watch() -> None:
    while True:
        began_at = time.monotonic()
        close_old_connections()  # one that broke is opened anew
        try:
            found = check()
            if found.ready != Watch.latest.ready or found.problem != Watch.latest.problem:
                log = logger.info if found.ready else logger.warning
                log("%s %s", "Ready." if found.ready else "Not ready.", found.problem)
            Watch.latest, Watch.checked_at = found, time.monotonic()
            Watch.checking = "figures for Prometheus"
            metrics.Site.collect_from_database()
        except Exception:  # whatever it is, check again: this thread must not end
            logger.exception("The %s cannot be checked.", Watch.checking)
        time.sleep(max(0, began_at + CHECK_EVERY_S - time.monotonic()))


def _after_fork() -> None:
    """Threads do not survive a fork."""
    if Watch.running:
        Watch.running = False
        watch()


os.register_at_fork(after_in_child=_after_fork)


def readiness() -> Readiness:
    """What was found last. A process that does not serve, such as a test, looks now.

    An active version that cannot be loaded is a problem, but the older one answers: ready.
    """
    if settings.MNIST_SERVING:
        watch()
    if not Watch.running:
        return check()
    late_s = time.monotonic() - Watch.checked_at
    if late_s > CHECK_EVERY_S + LATE_AFTER_S:
        problem = f"The check of the {Watch.checking} has not ended for {late_s:.0f} s."
        return Readiness(False, Watch.latest.version, problem)
    return Watch.latest


def check() -> Readiness:
    """Read a picture, and see whether an upload could be stored now."""
    Watch.checking = "network"
    read = _read_sample()
    if not read.ready:
        return read
    problems = [_found(what, look) for what, look in UPLOAD_CHECKS]
    Watch.checking = "cache"
    remarks = [read.problem, counters.problem()]  # ready all the same
    told = " ".join(filter(None, [*problems, *remarks]))
    return Readiness(not any(problems), read.version, told)


UPLOAD_CHECKS: list[tuple[str, Callable[[], None]]] = [
    ("database", store_checks.check_database),
    ("disks", store_checks.check_disks),
    ("folder of uploads", store_checks.FolderCheck()),
    ("last upload", store_checks.check_last_upload),
]


def _found(what: str, look: Callable[[], None]) -> str:
    """What is wrong, in a sentence without paths and addresses; empty if nothing is."""
    Watch.checking = what
    try:
        look()
    except store_checks.CannotStore as error:
        return _told(str(error), error.__cause__)
    except Exception as error:
        return _told(f"The {what} cannot be checked. The log says why.", error)
    return ""


def _told(sentence: str, cause: BaseException | None) -> str:
    """The sentence; its cause goes to the log, once and not every second."""
    if cause and sentence not in Watch.latest.problem:
        logger.error("%s Because of: %r", sentence, cause)
    return sentence


def _read_sample() -> Readiness:
    try:
        guess = inference.read_sample()
    except inference.NotReady as error:
        return Readiness(False, "", str(error))
    except Exception as error:
        return Readiness(False, "", _told("No picture can be read. The log says why.", error))
    return Readiness(True, guess.version, inference.Serving.problem)
