"""The one place that says what an error means for the client."""

import logging
import math

from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, UnreadablePostError
from rest_framework.exceptions import APIException, ParseError, ValidationError

from classifier.circuit_breaker import CircuitOpen
from classifier.history import NotKept
from classifier.inference import InvalidImage, NotReady, UnknownVersion
from classifier.models import OverQuota

from .problem import Problem, respond, told_at

logger = logging.getLogger(__name__)

UNEXPECTED = "unavailable"  # the code of an error that nobody foresaw
PICTURES = {  # the status of a refused picture by its code; of the others 422
    "no_image": 400,
    "one_image": 400,
    "empty": 400,
    "too_large": 413,
    "not_an_image": 415,
}


def exception_handler(error, context):
    """DRF's hook: the response to any exception that a view of ours raised."""
    request = context["request"]
    problem = told_at(request.path, describe(error))
    log = logger.error if problem.status >= 500 else logger.info
    log(
        "%s %s: %s %s, request %s",
        *(request.method, request.path, problem.status, problem.code, request.id),
        exc_info=error if problem.code == UNEXPECTED else None,
    )
    if error.__cause__ and problem.status >= 500:
        logger.error("because of: %s", str(error.__cause__).replace("\n", " "))
    return respond(request, problem)


def describe(error: Exception) -> Problem:
    """Say what an exception means for the client."""
    match error:
        case InvalidImage():
            return Problem(PICTURES.get(error.code, 422), error.code, error.detail)
        case UnknownVersion():
            return Problem(422, "unknown_model", str(error))
        case RequestDataTooBig():
            return Problem(413, "too_large", "Expected one file; the text beside it is too long.")
        case ParseError():
            return Problem(400, "malformed", f"The body cannot be read. {error.detail}")
        case TooManyFieldsSent() | TooManyFilesSent():
            return Problem(400, "malformed", "Expected one file; there are too many fields.")
        case SuspiciousOperation() | UnreadablePostError() | RecursionError():
            return Problem(400, "malformed", "The body is cut short or malformed.")
        case OverQuota():
            return Problem(429, "over_quota", str(error), headers=retry_after(error.wait_s))
        case NotReady():
            return Problem(503, "not_ready", "No network is ready to answer. Try again later.")
        case NotKept():
            return Problem(503, "not_kept", str(error))
        case CircuitOpen():
            return Problem(503, "no_database", "The database does not answer. Try again later.")
        case Http404():
            return Problem(404, "not_found", "There is no such thing.")
        case PermissionDenied():
            return Problem(403, "permission_denied", "You may not do this.")
        case ValidationError():
            errors = error.detail if isinstance(error.detail, dict) else None
            return Problem(400, "invalid", in_words(error.detail), errors)
        case APIException():
            code = getattr(error.detail, "code", error.default_code)
            return Problem(error.status_code, code, str(error.detail), headers=asked_for(error))
    return Problem(503, UNEXPECTED, "This request could not be answered. It has been logged.")


def in_words(detail) -> str:
    """What is wrong with which field, in a line."""
    if isinstance(detail, dict):
        return " ".join(f"{field}: {in_words(what)}" for field, what in detail.items() if what)
    if isinstance(detail, list):
        return " ".join(filter(None, map(in_words, detail)))
    return str(detail)


def asked_for(error: APIException) -> dict[str, str]:
    """The headers that DRF asks for: how to authenticate, when to come back."""
    challenge, wait_s = getattr(error, "auth_header", None), getattr(error, "wait", None)
    return ({"WWW-Authenticate": challenge} if challenge else {}) | (
        retry_after(wait_s) if wait_s is not None else {}
    )


def retry_after(wait_s: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(wait_s)))}


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


def too_many_logins(request, response, credentials):
    """Take the place of the login page when django-axes refuses a login."""
    wait_s = settings.AXES_COOLOFF_TIME.total_seconds()
    detail = f"Too many logins have failed. Try again in {wait_s / 60:.0f} minutes."
    problem = Problem(429, "too_many_logins", detail, headers=retry_after(wait_s))
    return respond(request, problem)
