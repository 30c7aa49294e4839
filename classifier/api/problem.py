"""What a client is told of an error: a problem (RFC 9457), or a page for a browser.

Everything under /api/ has ordinary status codes. `/mnist/classify` keeps the original service's
contract: whatever is wrong with what was sent is a 404.
"""

import json
from http import HTTPStatus
from typing import NamedTuple

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.encoding import escape_uri_path

RETRY_AFTER_S = 5
WRONG_WITH_WHAT_WAS_SENT = {400, 413, 415, 422}


class Problem(NamedTuple):
    """HTTP status as under /api/, a stable code, a sentence; what is wrong with which field."""

    status: int
    code: str
    detail: str
    errors: dict | None = None
    headers: dict[str, str] | None = None


def told_at(path: str, problem: Problem) -> Problem:
    """The same with the status that it has at this address."""
    if not is_api(path) and problem.status in WRONG_WITH_WHAT_WAS_SENT:
        return problem._replace(status=404)
    return problem


def is_api(path: str) -> bool:
    return path.startswith("/api/")


def as_json(problem: Problem, path: str, request_id: str) -> str:
    """The problem as RFC 9457 has it, with our `code` and `request_id`."""
    members = {
        "type": "about:blank",  # what kind of problem it is, is said by `code`
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "instance": escape_uri_path(path),
        "request_id": request_id,
    }
    return json.dumps(members | ({"errors": problem.errors} if problem.errors else {}))


def headers(problem: Problem, path: str) -> dict[str, str]:
    """The headers that go with it, its content type among them."""
    as_original = not is_api(path) and problem.status < 500
    kind = "application/json" if as_original else "application/problem+json"
    later = {"Retry-After": str(RETRY_AFTER_S)} if problem.status == 503 else {}
    return {"Content-Type": kind} | later | (problem.headers or {})


def respond(request, problem: Problem) -> HttpResponse:
    """A page for a browser that is not at the API, JSON for everyone else."""
    found = headers(problem, request.path)
    if not is_api(request.path) and wants_page(request):
        content, found["Content-Type"] = page(problem), "text/html; charset=utf-8"
    else:
        content = as_json(problem, request.path, getattr(request, "id", ""))
    response = HttpResponse(content, status=problem.status, headers=found)
    response.code = problem.code  # it is counted by it
    return response


def wants_page(request) -> bool:
    """Whether the client prefers HTML to JSON; one that accepts anything does not."""
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"


def page(problem: Problem) -> str:
    return render_to_string(
        "classifier/error.html",
        {"problem": problem, "title": HTTPStatus(problem.status).phrase},
    )
