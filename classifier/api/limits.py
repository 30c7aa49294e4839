"""How long the body of a request may be, decided before it is read."""

from contextlib import suppress

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.urls import resolve
from rest_framework.exceptions import APIException

from .base import ApiView


def max_body_bytes(request: HttpRequest) -> int:
    """Return the limit of the request's view if its sender may use the view, or the small one.

    The request has headers and no body yet: large bodies are only read after authentication.
    """
    with suppress(Http404, APIException, PermissionDenied):
        view_class = getattr(resolve(request.path_info).func, "view_class", None)
        if view_class and issubclass(view_class, ApiView):
            return authorized(view_class, request).max_body_bytes
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def authorized(view_class: type[ApiView], request: HttpRequest) -> ApiView:
    """Return the view, set up for a request that it permits. Raises APIException."""
    for middleware in (SessionMiddleware, AuthenticationMiddleware):
        middleware(lambda request: None).process_request(request)
    view = view_class()
    view.setup(request)
    view.request = view.initialize_request(request)
    view.check_permissions(view.request)
    return view
