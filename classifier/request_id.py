"""A name for each request, from the client or our own, in the answer and in the history."""

import random
import re
from contextvars import ContextVar

ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
current: ContextVar[str] = ContextVar("request_id", default="")  # for the log


def choose(sent: str) -> str:
    """What the client called its request if that is safe to log, or else a name of our own."""
    return sent if ACCEPTED.fullmatch(sent) else f"{random.getrandbits(128):032x}"


class RequestIdMiddleware:
    """Set `request.id` from X-Request-ID, and send it back."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = choose(request.META.get("HTTP_X_REQUEST_ID", ""))
        token = current.set(request.id)
        try:
            response = self.get_response(request)
        finally:
            current.reset(token)
        response["X-Request-ID"] = request.id
        return response
