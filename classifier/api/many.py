"""/api/v1/predictions/batch: many pictures in one request."""

from django.conf import settings
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from classifier import bulk, inference
from classifier.bulk import Upload, too_large
from classifier.inference import InvalidImage
from classifier.models import Prediction

from .access import MayClassify
from .base import ApiView, TooMuch
from .predictions import ModelWish
from .serializers import record


class PredictionsBatchView(ApiView):
    """POST pictures; the answers come in their order, with an error where there is none."""

    permission_classes = [MayClassify]
    parser_classes = [MultiPartParser]

    @property
    def max_body_bytes(self):
        return settings.MNIST_MAX_BATCH_BYTES

    def post(self, request):
        uploads = pictures(request)
        refuse_too_many_pixels(uploads)
        facts = {"request_id": request.id, "key": request.auth}
        version = ModelWish.of(request.query_params).get("model", "")
        with bulk.answering(uploads, version=version, **facts) as results:
            pass  # nothing to add
        told = [
            outcome(index, upload.name, result)
            for index, (upload, result) in enumerate(zip(uploads, results, strict=True))
        ]
        return Response({"results": told})


def pictures(request) -> list[Upload]:
    """The files in the field `image`. Raises ValidationError."""
    images = request.FILES.getlist("image")
    if not images:
        raise ValidationError({"image": ["Expected files in this multipart field."]})
    return [Upload(content(image), image.name) for image in images]


def content(image) -> bytes | InvalidImage:
    if image.size > settings.MNIST_MAX_UPLOAD_BYTES:
        return too_large(image.size)
    return image.read()


def refuse_too_many_pixels(uploads: list[Upload]) -> None:
    """Whoever sends hours of work is sent to /api/v1/batches: others wait meanwhile."""
    pixels, most = sum(map(size, uploads)), settings.MNIST_MAX_BATCH_PIXELS
    if pixels > most:
        raise TooMuch(
            f"Expected at most {most} pixels in all pictures of a request, found {pixels}. "
            "Send them to /api/v1/batches."
        )


def size(upload: Upload) -> int:
    """The pixels of a picture that will be decoded."""
    if isinstance(upload.content, InvalidImage):
        return 0
    try:
        header = inference.inspect(upload.content)
    except InvalidImage:
        return 0
    return header.width * header.height


def outcome(index: int, name: str, result) -> dict:
    """What is told of one of many: a Prediction, or what has the code and detail of a refusal."""
    answered = isinstance(result, Prediction)
    return {
        "index": index,
        "name": name,
        "prediction": record(result) if answered else None,
        "error": None if answered else {"code": result.code, "detail": result.detail},
    }
