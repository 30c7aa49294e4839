"""The transport of an upload: is there exactly one file in the request?"""

import base64
import binascii
import io
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from classifier.bulk import Upload, too_large
from classifier.inference import InvalidImage

from .multipart import Form, read_plain

CHUNK_BYTES = 64 * 1024


class RawPicture(BaseParser):
    """A body that is the picture itself."""

    media_type = "image/*"

    def parse(self, stream, media_type=None, parser_context=None):
        return Upload(stream.read())


class Posted(NamedTuple):
    """What was posted: a picture, and the version that is to answer, empty for the active one."""

    image: Upload
    model: str


def posted(request) -> Posted:
    """The one file in the multipart field `image`, and `model`. Raises InvalidImage."""
    asked = request._request  # DRF's own takes its time to say what Django's has
    refuse_too_large(asked, settings.MNIST_MAX_UPLOAD_BYTES + settings.MNIST_MAX_FORM_BYTES)
    body = asked.read()
    form = read_plain(asked.META.get("CONTENT_TYPE", ""), body) or _parse(request, body)
    image = _one_image(form.files.get("image", []))
    return Posted(image, asked.GET.get("model") or form.fields.get("model", ""))


def _one_image(images: list[Upload]) -> Upload:
    if not images:
        raise InvalidImage("no_image", "Expected a whole file in the multipart field 'image'.")
    if len(images) > 1:
        raise InvalidImage("one_image", f"Expected one file in 'image', found {len(images)}.")
    if len(images[0].content) > settings.MNIST_MAX_UPLOAD_BYTES:
        raise too_large(len(images[0].content))
    return images[0]


def _parse(request, body: bytes) -> Form:
    """The form in a body that is not plain, read by Django's parser."""
    request._stream = io.BytesIO(body)
    try:
        files = _uploads(request.FILES)
    except UnsupportedMediaType as error:
        raise InvalidImage("no_image", "Expected a multipart/form-data body.") from error
    return Form(files, {"model": request.POST.get("model", "")})


def _uploads(files) -> dict[str, list[Upload]]:
    """The files of each field, as Django parsed them."""
    return {
        name: [Upload(file.read(), file.name) for file in found] for name, found in files.lists()
    }


def one_picture(request) -> Upload:
    """A picture in the multipart field `image`, as the body itself, or in JSON as base64.

    Raises InvalidImage.
    """
    sent = request.data
    if not isinstance(sent, Upload):
        sent = (
            _one_image(_uploads(request.FILES).get("image", []))
            if request.FILES
            else _of_json(sent)
        )
    if len(sent.content) > settings.MNIST_MAX_UPLOAD_BYTES:
        raise too_large(len(sent.content))
    return sent


def _of_json(body) -> Upload:
    """`{"image": BASE64}`, also as a canvas gives it: `data:image/png;base64,BASE64`."""
    text = body.get("image") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        raise InvalidImage(
            "no_image",
            "Expected a picture: a file in the multipart field 'image', a body of the type "
            "image/png or the like, or JSON with base64 in 'image'.",
        )
    try:
        return Upload(base64.b64decode(text.rpartition(",")[2], validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidImage("no_image", "Expected base64 in 'image'.") from error


def refuse_too_large(request: HttpRequest, limit: int) -> None:
    """Refuse a body whose declared length is over the limit.

    It is read and thrown away first, up to another limit: a client that is still sending
    would not hear the answer.
    """
    length = _content_length(request)
    if length <= limit:
        return
    left = min(length, settings.MNIST_MAX_DRAINED_BYTES)
    while left > 0 and (chunk := request.read(min(left, CHUNK_BYTES))):
        left -= len(chunk)
    raise too_large(length, limit)


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH", 0))
    except ValueError:
        return 0
