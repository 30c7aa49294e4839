"""The one place that turns an error into a response.

`/mnist/classify` keeps the original service's contract: whatever is wrong with what was sent
is a 404. A browser is shown a page, everyone else JSON with a stable `code` and a sentence
in `detail`.
"""

import logging
from http import HTTPStatus
from typing import NamedTuple

from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, HttpResponse, JsonResponse, UnreadablePostError
from django.template.loader import render_to_string
from rest_framework.exceptions import APIException, ParseError, ValidationError

from classifier.history import NotKept
from classifier.inference import InvalidImage, NotReady, UnknownVersion

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
UNEXPECTED = "unavailable"  # the code of an error that nobody foresaw


class Problem(NamedTuple):
    """What is told of an error: HTTP status, a stable code, a sentence."""

    status: int
    code: str
    detail: str


def exception_handler(error, context):
    """DRF's hook: the response to any exception that a view of ours raised."""
    problem = describe(error)
    request = context["request"]
    if request.path.startswith("/api/") and isinstance(error, ParseError):
        problem = problem._replace(status=error.status_code)  # only /mnist/classify says 404
    log = logger.error if problem.status >= 500 else logger.info
    log(
        "%s %s: %s %s, request %s",
        *(request.method, request.path, problem.status, problem.code, request.id),
        exc_info=error if problem.code == UNEXPECTED else None,
    )
    if error.__cause__ and problem.status >= 500:
        logger.error("because of: %s", str(error.__cause__).replace("\n", " "))
    response = respond(request, problem)
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header
    return response


def describe(error: Exception) -> Problem:
    """Say what an exception means for the client."""
    match error:
        case InvalidImage():
            return Problem(404, error.code, error.detail)
        case UnknownVersion():
            return Problem(404, "unknown_model", str(error))
        case RequestDataTooBig():
            return Problem(404, "too_large", "Expected one file; the text beside it is too long.")
        case ParseError() | SuspiciousOperation() | UnreadablePostError() | RecursionError():
            return Problem(404, "malformed", "The multipart body is cut short or malformed.")
        case NotReady():
            return Problem(503, "not_ready", "No network is ready to answer. Try again later.")
        case NotKept():
            return Problem(503, "not_kept", str(error))
        case Http404():
            return Problem(404, "not_found", "There is no such thing.")
        case PermissionDenied():
            return Problem(403, "permission_denied", "You may not do this.")
        case ValidationError():
            return Problem(400, "invalid", in_words(error.detail))
        case APIException():
            return Problem(error.status_code, error.detail.code, str(error.detail))
    return Problem(503, UNEXPECTED, "This request could not be answered. It has been logged.")


def in_words(detail) -> str:
    """What is wrong with which field, in a line."""
    if isinstance(detail, dict):
        return " ".join(f"{field}: {in_words(what)}" for field, what in detail.items())
    return " ".join(str(each) for each in detail)


def respond(request, problem: Problem) -> HttpResponse:
    """A page for a browser, JSON for everyone else."""
    if wants_page(request):
        response = HttpResponse(page(problem), status=problem.status)
    else:
        response = JsonResponse(
            {
                "code": problem.code,
                "detail": problem.detail,
                "title": HTTPStatus(problem.status).phrase,
                "status": problem.status,
                "request_id": getattr(request, "id", ""),
            },
            status=problem.status,
            content_type="application/problem+json"
            if problem.status >= 500
            else "application/json",
        )
    if problem.status == 503:
        response["Retry-After"] = RETRY_AFTER_S
    return response


def wants_page(request) -> bool:
    """Whether the client prefers HTML to JSON; one that accepts anything does not."""
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"


def page(problem: Problem) -> str:
    return render_to_string(
        "classifier/error.html",
        {"problem": problem, "title": HTTPStatus(problem.status).phrase},
    )


# Django's own handlers, for what happens outside our views


def bad_request(request, exception):
    if isinstance(exception, DisallowedHost):
        detail = "This is not a name of this site. DJANGO_ALLOWED_HOSTS lists those that are."
        logger.warning("Refused the host %r.", request.META.get("HTTP_HOST", "")[:100])
        return respond(request, Problem(400, "bad_host", detail))
    return respond(request, Problem(400, "bad_request", "This request was refused."))


def permission_denied(request, exception):
    return respond(request, Problem(403, "permission_denied", "You may not see this."))


def page_not_found(request, exception):
    return respond(request, Problem(404, "not_found", f"There is nothing at {request.path}."))


def server_error(request):
    logger.exception("%s %s failed", request.method, request.path)
    return respond(request, Problem(500, "error", "Something failed here. It has been logged."))
