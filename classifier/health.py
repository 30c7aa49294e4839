"""Is this process alive, and can it answer?"""

import threading
import time
from typing import NamedTuple

from . import inference

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
    except Exception as error:  # whatever it is, it is what the caller wants to know
        return Readiness(False, "", str(error) or type(error).__name__)
    return Readiness(True, guess.version, inference.Serving.problem)
