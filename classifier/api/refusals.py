"""Responses to requests that the server refuses: too slow, cut short, or too many."""

import logging
import time

from .problem import Problem, respond, told_at

LOG_INTERVAL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class RefusalMiddleware:
    """Respond to a request that has a `refusal`, which `mnistsite.asgi` sets."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.overload_count, self.logged_at = 0, float("-inf")

    def __call__(self, request):
        refusal = getattr(request, "refusal", None)
        if refusal is None:
            return self.get_response(request)
        problem = Problem(refusal.status, refusal.code, refusal.detail)
        problem = told_at(request.path, problem)
        if problem.status == 503:
            self.log_overload()
        else:
            what = request.method, request.path[:100], problem.status, problem.code, request.id
            logger.info("%s %r: %s %s, request %s", *what)
        return respond(request, problem)

    def log_overload(self) -> None:
        """Log at most once a second: under load, a line for each would take too long."""
        self.overload_count += 1
        if time.monotonic() >= self.logged_at + LOG_INTERVAL_SECONDS:
            logger.warning("Overloaded: %s requests were refused.", self.overload_count)
            self.overload_count, self.logged_at = 0, time.monotonic()
