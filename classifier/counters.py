"""Numbers that all processes count up together, in the cache that CACHE_URL names."""

import os
from contextlib import suppress

from django.conf import settings
from django.core.cache import cache

from .checks import LOCAL_CACHE
from .circuit_breaker import CircuitBreaker

# Each kind of cache raises errors of its own.
breaker = CircuitBreaker("The cache (CACHE_URL)", failures=(Exception,), pause_s=1, timeout_s=2)
os.register_at_fork(after_in_child=breaker.reset)


def count(name: str, kept_s: int) -> int:
    """Count one more, and return the number; 0 while the cache is away.

    So the site goes on without its cache, and no limit is enforced.
    """
    try:
        with breaker.attempt():
            cache.add(name, 0, kept_s)
            with suppress(ValueError):  # a cache that is full has dropped it already
                return cache.incr(name)
    except Exception:  # the circuit breaker has logged it
        pass
    return 0


def problem() -> str:
    """Why requests are not counted; empty if they are."""
    if settings.CACHES["default"]["BACKEND"] == LOCAL_CACHE:
        return ""
    try:
        with breaker.attempt():
            cache.get("readiness")
    except Exception:
        return "The cache does not answer: requests are not counted, and no limit is enforced."
    return ""
