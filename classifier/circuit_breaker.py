"""A circuit breaker: what has just failed is not tried again by everybody at once.

Without it, each request would wait for the timeout of a database or a cache that is away, and
hold a thread meanwhile.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class CircuitOpen(RuntimeError):
    """Not tried, because the last attempt failed a moment ago."""


class CircuitBreaker:
    """Let everybody through, or one at a time while something is away.

    An attempt fails when it raises one of `failures`, or does not end within `timeout_s`. After
    that nobody gets through for `pause_s`, then one attempt at a time until one succeeds.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: tuple[type[Exception], ...],
        pause_s: float,
        timeout_s: float,
    ):
        self.name, self.failures = name, failures
        self.pause_s, self.timeout_s = pause_s, timeout_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a process that has just been forked must."""
        self._lock = threading.Lock()
        self._running: dict[object, float] = {}  # attempts, and when each began
        self._succeeded_at = float("-inf")
        self._failed_at: float | None = None  # None: nothing is wrong

    @property
    def is_open(self) -> bool:
        """Whether the last attempt failed."""
        return self._failed_at is not None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Guard the attempt that is made inside. Raises CircuitOpen when there must be none."""
        attempt = self._begin()
        try:
            yield
        except self.failures as error:
            with self._lock:
                self._fail(str(error))
            raise
        except Exception:  # what was asked has answered, if only with a refusal
            self._succeed()
            raise
        else:
            self._succeed()
        finally:
            self._running.pop(attempt, None)

    def _begin(self) -> object:
        now = time.monotonic()
        with self._lock:
            self._fail_those_that_hang(now)
            resting = self._failed_at is not None and now < self._failed_at + self.pause_s
            if resting or (self._failed_at is not None and self._running):
                raise CircuitOpen(f"{self.name} failed a moment ago.")
            attempt = object()
            self._running[attempt] = now
        return attempt

    def _fail_those_that_hang(self, now: float) -> None:
        """Count an attempt without an end as a failure, unless a later one has succeeded."""
        for attempt, began_at in list(self._running.items()):
            if now > began_at + self.timeout_s:
                self._running.pop(attempt, None)
                if began_at >= self._succeeded_at:
                    self._fail(f"no answer within {self.timeout_s:g} s")

    def _fail(self, reason: str) -> None:
        if self._failed_at is None:  # logged once, not by each request
            logger.warning("%s does not answer: %s", self.name, reason.replace("\n", " "))
        self._failed_at = time.monotonic()

    def _succeed(self) -> None:
        self._succeeded_at = time.monotonic()
        if self._failed_at is not None:
            self._failed_at = None
            logger.info("%s answers again.", self.name)
