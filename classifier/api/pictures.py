"""The pictures of an upload: as it was sent, as the network saw it, and how it got there."""

from django.core.files.base import ContentFile
from django.http import FileResponse, Http404, HttpResponse
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response

from classifier import inference
from classifier.models import Prediction

from .access import MayRead, readable
from .base import ApiView, Erased
from .serializers import explanation

# Never an active type, and nothing that a browser would show as a page of ours.
SANDBOX = "sandbox; default-src 'none'"
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "BMP": "image/bmp"}


class UploadView(ApiView):
    """What these addresses have in common."""

    permission_classes = [MayRead]

    def upload(self, pk) -> Prediction:
        """An upload that the request may see. Raises Http404, and Erased when it is no more."""
        rows = readable(self.request).select_related("version")
        prediction = get_object_or_404(rows, pk=pk)
        if prediction.erased_at:
            raise Erased
        return prediction

    def content(self, prediction) -> bytes:
        try:
            with prediction.upload.open() as file:
                return file.read()
        except OSError as error:
            raise Http404("The file of this upload is gone.") from error


class PictureView(UploadView):
    """GET the file as it was sent, to be saved under a name of ours."""

    def get(self, request, pk):
        prediction = self.upload(pk)
        response = FileResponse(
            ContentFile(self.content(prediction)),
            as_attachment=True,
            filename=f"upload-{pk}.{prediction.upload.name.rpartition('.')[2]}",
            content_type=MEDIA_TYPES[prediction.format],
        )
        return guarded(response)


class PixelsView(UploadView):
    """GET the 28x28 that the network saw, as a PNG."""

    def get(self, request, pk):
        png = inference.png(self.upload(pk).pixels)
        return guarded(HttpResponse(png, content_type="image/png"))


class ExplanationView(UploadView):
    """GET the steps from the upload to the 28x28, and what the answer rests on."""

    def get(self, request, pk):
        prediction = self.upload(pk)
        return Response(explanation(self.content(prediction), prediction))


def guarded(response):
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"  # it may be erased
    return response
