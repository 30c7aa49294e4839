"""/api/v1/predictions: upload pictures, read and erase the history."""

import time

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.response import Response

from classifier import erasure, history, inference

from .access import MayClassify, MayRead, is_staff_with, readable
from .base import ApiView
from .fields import Query, Text
from .filters import choose
from .serializers import explanation, record
from .upload import RawPicture, one_picture

ERASE = "classifier.erase"
BASE64 = 4 / 3  # characters for a byte


class ModelWish(Query):
    """What the query string of an upload may ask for."""

    model = Text(max_length=64, required=False, help_text="The version that is to answer.")


class Wishes(ModelWish):
    """The same for one picture."""

    explain = serializers.ChoiceField(
        ["0", "1"], required=False, help_text="1: the steps and the occlusion map, too."
    )


class PredictionsView(ApiView):
    """GET a page of the history; POST a picture."""

    parser_classes = [MultiPartParser, RawPicture, JSONParser]

    @property
    def max_body_bytes(self):
        return int(settings.MNIST_MAX_UPLOAD_BYTES * BASE64) + settings.MNIST_MAX_FORM_BYTES

    def get_permissions(self):
        return [MayClassify() if self.request.method == "POST" else MayRead()]

    def get(self, request):
        rows = choose(readable(request), request.query_params)
        return self.page(rows.select_related("version").defer("pixels_zlib"), record)

    def post(self, request):
        started = time.perf_counter()
        wanted = Wishes.of(request.query_params)
        upload = one_picture(request)
        guess = inference.classify(upload.content, wanted.get("model", ""))
        kept = history.keep(
            upload.content,
            guess,
            name=upload.name,
            duration_us=round((time.perf_counter() - started) * 1e6),
            request_id=request.id,
            key=request.auth,
        )
        prediction = kept.prediction()
        body = record(prediction)
        if wanted.get("explain") == "1":
            body["explanation"] = explanation(upload.content, guess)
        address = reverse("prediction", args=[prediction.pk])
        return Response(body, 201, headers={"Location": address})


class PredictionView(ApiView):
    """GET one upload's answer; DELETE to erase what was sent."""

    permission_classes = [MayRead]

    def get(self, request, pk):
        rows = readable(request).select_related("version")
        return Response(record(get_object_or_404(rows, pk=pk)))

    def delete(self, request, pk):
        """The answer and the label stay, for the statistics. A key may erase its own uploads."""
        chosen = readable(request).filter(pk=pk)
        prediction = get_object_or_404(chosen)
        if request.auth and prediction.key_id != request.auth.pk:
            raise PermissionDenied("A key may only erase what was sent with it.")
        if not request.auth and not is_staff_with(ERASE, request.user):
            raise PermissionDenied("Only staff with the permission 'erase' may do this.")
        erasure.erase(chosen)
        return Response(status=204)
