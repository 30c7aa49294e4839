"""Reject bodies without a Content-Length under a WSGI server."""

from .api.problem import Problem, respond


class LengthRequiredMiddleware:
    """Refuse a chunked body without a Content-Length, which Django would take for an empty one.

    WSGI has no way to tell where it ends that all servers share. The site's ASGI application sets
    the length to what it received, so that chunked bodies are read there.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        meta = request.META
        if meta.get("HTTP_TRANSFER_ENCODING") and not meta.get("CONTENT_LENGTH"):
            detail = "This server needs the length of a body: send Content-Length, and no chunks."
            return respond(request, Problem(411, "length_required", detail))
        return self.get_response(request)
