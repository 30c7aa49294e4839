"""The transport of an upload: is there exactly one file in the request?"""

from django.conf import settings
from rest_framework.exceptions import UnsupportedMediaType

from classifier.bulk import too_large
from classifier.inference import InvalidImage

CHUNK_BYTES = 64 * 1024


def one_image(request):
    """The one file in the multipart field `image`. Raises InvalidImage."""
    refuse_too_large(request)
    images = _files(request).getlist("image")
    if not images:
        raise InvalidImage("no_image", "Expected a whole file in the multipart field 'image'.")
    if len(images) > 1:
        raise InvalidImage("one_image", f"Expected one file in 'image', found {len(images)}.")
    if images[0].size > settings.MNIST_MAX_UPLOAD_BYTES:
        raise too_large(images[0].size)
    return images[0]


def model_asked_for(request) -> str:
    """The version that `model` names in the query or the form; empty for the active one."""
    return request.GET.get("model") or request.POST.get("model", "")


def refuse_too_large(request) -> None:
    """Refuse a body whose declared length leaves no room for an acceptable file.

    It is read and thrown away first, up to a limit: a client that is still sending
    would not hear the answer.
    """
    length = _content_length(request)
    if length <= settings.MNIST_MAX_UPLOAD_BYTES + settings.MNIST_MAX_FORM_BYTES:
        return
    left = min(length, settings.MNIST_MAX_DRAINED_BYTES)
    while left > 0 and (chunk := request._request.read(min(left, CHUNK_BYTES))):
        left -= len(chunk)
    raise too_large(length)


def _content_length(request) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH", 0))
    except ValueError:
        return 0


def _files(request):
    try:
        return request.FILES
    except UnsupportedMediaType as error:
        raise InvalidImage("no_image", "Expected a multipart/form-data body.") from error
