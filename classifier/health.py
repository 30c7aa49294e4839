"""Is this process alive, and can it answer?"""

import logging
import threading
import time
from typing import NamedTuple

from . import inference

logger = logging.getLogger(__name__)

KEPT_S = 1.0  # how long an answer to `readiness` is repeated


class Readiness(NamedTuple):
    """Whether a picture was just read, by which version, and what is wrong if anything is."""

    ready: bool
    version: str
    problem: str


_lock = threading.Lock()
_last: tuple[float, Readiness] = (float("-inf"), Readiness(False, "", ""))


def readiness() -> Readiness:
    """Make a real prediction, at most once a second.

    An active version that cannot be loaded is a problem, but the older one answers: ready.
    """
    global _last
    with _lock:
        if time.monotonic() > _last[0] + KEPT_S:
            _last = time.monotonic(), _predict()
        return _last[1]


def _predict() -> Readiness:
    try:
        guess = inference.read_sample()
    except inference.NotReady as error:
        return Readiness(False, "", str(error))
    except Exception as error:  # its words may hold paths and addresses: they are for the log
        logger.error("A picture of our own could not be read: %r", error)
        return Readiness(False, "", "No picture can be read. The log says why.")
    return Readiness(True, guess.version, inference.Serving.problem)
