"""What all addresses under /api/v1 have in common."""

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import MemoryFileUploadHandler
from rest_framework.exceptions import APIException
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from .access import AUTHENTICATION
from .cursor import NewestFirst
from .upload import refuse_too_large


class AlwaysJSON(DefaultContentNegotiation):
    """Answer in JSON whatever `Accept` or `?format=` ask for."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class Conflict(APIException):
    status_code = 409
    default_code = "conflict"


class Erased(APIException):
    status_code = 410
    default_code = "erased"
    default_detail = "This upload was erased."


class TooMuch(APIException):
    status_code = 413
    default_code = "too_many"


class InMemory(MemoryFileUploadHandler):
    """Files of a body whose length is within its view's limit, whatever the site's is."""

    def handle_raw_input(self, *args, **kwargs):
        self.activated = True


class ApiView(APIView):
    """JSON in and out, by key or by session; a body is refused by its length before it is read."""

    authentication_classes = AUTHENTICATION
    content_negotiation_class = AlwaysJSON
    renderer_classes = [JSONRenderer]
    parser_classes = [JSONParser]

    @property
    def max_body_bytes(self) -> int:
        return settings.MNIST_MAX_FORM_BYTES

    def initial(self, request, *args, **kwargs):
        refuse_too_large(request._request, self.max_body_bytes)
        request._request.upload_handlers = [InMemory(request._request)]
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc):
        if isinstance(exc, TooManyFilesSent):
            most = settings.MNIST_MAX_BATCH_PICTURES
            exc = TooMuch(f"Expected at most {most} pictures in a request.")
        return super().handle_exception(exc)

    def page(self, rows, told) -> Response:
        """A page of a list, each row as `told` tells it."""
        pages = NewestFirst()
        found = pages.paginate_queryset(rows, self.request, view=self)
        return pages.get_paginated_response([told(row) for row in found])
