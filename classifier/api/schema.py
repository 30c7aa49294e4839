"""The API as OpenAPI. Imported only when somebody asks for the schema."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings

from .operations import OPERATIONS

ABOUT = """\
Send a picture of a handwritten digit, get its class; every upload and answer is kept.

Programs authenticate with an API key (`Authorization: Bearer KEY`), staff with the admin's session.
`X-Request-ID` is taken over, or made, and sent back; the history keeps it.
"""
SPECTACULAR = {
    "TITLE": "Digit classifier",
    "DESCRIPTION": ABOUT,
    "VERSION": "1",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "SORT_OPERATIONS": False,  # as in urls.py
    "POSTPROCESSING_HOOKS": [],  # which give names to the choices of fields
}
HEADERS = {
    "X-Request-ID": ("The request's name, in the log and the history, too.", "string", range(600)),
    "Retry-After": ("In how many seconds to try again.", "integer", (429, 503)),
    "WWW-Authenticate": ("How to authenticate.", "string", (401,)),
}


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "classifier.api.access.KeyAuthentication"
    match_subclasses = True
    name = "key"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "An API key."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema):
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The admin's session. What changes something takes X-CSRFToken, too.",
        }


def describe() -> dict:
    """The schema of all views of the API."""
    from classifier import urls

    for view, annotate in OPERATIONS.items():
        annotate(view)
    with patched_settings(SPECTACULAR):
        schema = SchemaGenerator(patterns=urls.urlpatterns).get_schema(public=True)
    for operations in schema["paths"].values():
        for operation in operations.values():
            require_pictures(operation)
            add_headers(operation)
    return schema


def require_pictures(operation: dict) -> None:
    """Where pictures are sent, there must be a body; it is not said by its raw schemas."""
    body = operation.get("requestBody", {"content": {}})
    if any(kind != "application/json" for kind in body["content"]):
        body["required"] = True


def add_headers(operation: dict) -> None:
    """Say which headers come with every response of a status."""
    for status, response in operation["responses"].items():
        for name, (about, kind, statuses) in HEADERS.items():
            if int(status) in statuses:
                header = {"description": about, "schema": {"type": kind}, "required": True}
                response.setdefault("headers", {})[name] = header
