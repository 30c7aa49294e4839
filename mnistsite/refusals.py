"""What a client is told that does not reach Django, in the words of its views."""

import logging
import time
from functools import lru_cache

from classifier import metrics
from classifier.api import problem
from classifier.api.problem import Problem
from classifier.request_id import choose
from classifier.short_path import UPLOADS

from .bridge import Answer, encoded, whole

logger = logging.getLogger(__name__)

SAY_EVERY_S = 1.0
PLACE = b"~"  # for a letter of a request's id; there is none in an id, nor beside it

_refused, _said_at = 0, 0.0  # for being too many


class Refused(Exception):
    """A request that does not reach Django, and the problem that its client is told."""

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(detail)
        self.problem = Problem(status, code, detail)


def cut_short() -> Refused:
    return Refused(400, "cut_short", "The body is shorter than its Content-Length.")


def too_many() -> Refused:
    return Refused(503, "overloaded", "Too many requests are waiting. Try again.")


def answer(told: Problem, path: str, request_id: str) -> Answer:
    """A problem as it is sent."""
    headers = problem.headers(told, path) | {"X-Request-ID": request_id}
    content = problem.as_json(told, path, request_id).encode()
    return whole(told.status, encoded(headers.items()), content)


def note(told: Problem, method: str, path: str, request_id: str) -> None:
    """Count a refusal, and log it."""
    metrics.note_refusal(told.status, told.code)
    if told.code == "overloaded":
        _note_overload()
    else:
        what = method, path[:100], told.status, told.code
        logger.info("%s %r: %s %s, request %s", *what, request_id)


def _note_overload() -> None:
    """Log it at most once a second: a line for each costs as much as all the rest of refusing."""
    global _refused, _said_at
    _refused += 1
    now = time.monotonic()
    if now >= _said_at + SAY_EVERY_S:
        logger.warning("Overloaded: %s refused since this was last said.", _refused)
        _refused, _said_at = 0, now


# Answers as bytes, for what is answered before it is a request to the application


def overloaded(request_id: str) -> bytes:
    """To an upload that cannot wait: made once for all request ids of one length."""
    told, content = _overloaded(len(request_id))
    note(told, "POST", UPLOADS, request_id)
    return content.replace(PLACE * len(request_id), request_id.encode())


@lru_cache(maxsize=128)
def _overloaded(length: int) -> tuple[Problem, bytes]:
    told = too_many().problem
    said = answer(told, UPLOADS, PLACE.decode() * length)
    return told, said.as_bytes() + said.content


def at_once(status: int, code: str, detail: str, headers: dict[str, str]) -> bytes:
    """To what is no request; the connection ends with it."""
    told = Problem(status, code, detail, headers=headers | {"Connection": "close"})
    request_id = choose("")
    note(told, "-", "", request_id)
    said = answer(told, "", request_id)
    return said.as_bytes() + said.content
