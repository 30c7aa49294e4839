"""/api/v1/batches: a ZIP or many files, read in the background."""

import json
from collections.abc import Iterator

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.response import Response

from classifier import archive, batches, jobs, registry, tasks
from classifier.export import BATCH, csv_line
from classifier.models import ApiKey, Batch, BatchAnswer

from .access import VIEW, Allowed, is_staff_with
from .base import ApiView, Conflict
from .fields import Query
from .jobs import JobSerializer
from .many import outcome
from .predictions import ModelWish

STATUSES = {"too_many": 413, "too_large": 413, "no_image": 400}  # of a refused ZIP; others: 422


class MayBatch(Allowed):
    """A key with the scope `classify`, or staff."""

    scope = ApiKey.Scope.CLASSIFY.value
    scope_is_enough = True


class Refused(APIException):
    def __init__(self, error: archive.InvalidArchive):
        super().__init__(error.detail, error.code)
        self.status_code = STATUSES.get(error.code, 422)


class RawZip(BaseParser):
    """A body that is the ZIP itself."""

    media_type = "application/zip"

    def parse(self, stream, media_type=None, parser_context=None):
        return stream.read()


class BatchSerializer(JobSerializer):
    """A batch as it is told: `done` were answered and `failed` refused, of `total` pictures."""

    model = serializers.SlugRelatedField("name", source="version", read_only=True, allow_null=True)

    class Meta:
        model = Batch
        fields = [
            *("id", "state", "reason", "total", "done", "failed", "model", "started_by"),
            *("created_at", "finished_at"),
        ]
        read_only_fields = fields


class BatchesApiView(ApiView):
    """What all of these addresses have in common."""

    permission_classes = [MayBatch]

    def visible(self):
        """A key's own batches, one's own, or all for those who may see the history."""
        rows = Batch.objects.select_related("version", "started_by").order_by("-id")
        if is_staff_with(VIEW, self.request.user):
            return rows
        if self.request.auth:
            return rows.filter(key=self.request.auth)
        return rows.filter(started_by=self.request.user)

    def batch(self, pk) -> Batch:
        return get_object_or_404(self.visible(), pk=pk)

    def told(self, pk, status=200, headers=None):
        return Response(BatchSerializer(self.batch(pk)).data, status, headers=headers)


class BatchesView(BatchesApiView):
    """GET the batches, the newest first; POST one."""

    parser_classes = [MultiPartParser, RawZip]

    @property
    def max_body_bytes(self):
        return settings.MNIST_MAX_BATCH_BYTES

    def get(self, request):
        return self.page(self.visible(), lambda row: BatchSerializer(row).data)

    def post(self, request):
        name = ModelWish.of(request.query_params).get("model")
        version = registry.find(name) if name else None
        if request.auth:
            request.auth.refuse_over_quota()
        facts = {"request_id": request.id, "key": request.auth, "started_by": request.user}
        try:
            batch = batches.begin(sent(request), version=version, **facts)
        except archive.InvalidArchive as error:
            raise Refused(error) from error
        tasks.send(batch)
        return self.told(batch.pk, 201, {"Location": reverse("batch", args=[batch.pk])})


def sent(request) -> bytes:
    """The ZIP in the request, or one of the pictures in it. Raises InvalidArchive."""
    if isinstance(request.data, bytes):
        return request.data
    files = [(image.name, image.read()) for image in request.FILES.getlist("image")]
    if not files:
        raise archive.InvalidArchive(
            "no_image",
            "Expected a ZIP or pictures in the multipart field 'image', or a body of the type "
            "application/zip.",
        )
    (_, first), *others = files
    return first if archive.is_zip(first) and not others else archive.pack(files)


class BatchView(BatchesApiView):
    """GET one batch with its progress."""

    def get(self, request, pk):
        return self.told(pk)


class CancelBatchView(BatchesApiView):
    """POST to end a batch for good; what was read stays in the history."""

    def post(self, request, pk):
        batches.cancel(self.batch(pk))
        return self.told(pk)


class ResumeBatchView(BatchesApiView):
    """POST to go on with a batch that failed."""

    def post(self, request, pk):
        batch = self.batch(pk)
        try:
            jobs.resume(batch)
        except jobs.NotResumable as error:
            raise Conflict(str(error)) from error
        tasks.send(batch)
        return self.told(pk)


# The result, a line for each picture that is read by now


class ResultFormat(Query):
    format = serializers.ChoiceField(["jsonl", "csv"], default="jsonl")


class ResultView(BatchesApiView):
    """GET what came of each picture, as a file."""

    def get(self, request, pk):
        wanted = ResultFormat.of(request.query_params)["format"]
        lines, media_type = FORMATS[wanted]
        response = StreamingHttpResponse(lines(self.batch(pk)), content_type=media_type)
        response["Content-Disposition"] = f'attachment; filename="batch-{pk}.{wanted}"'
        return response


def outcomes(batch: Batch) -> Iterator[dict]:
    """What is told of each picture, in the batch's order; rows are read some at a time."""
    rows = batch.answers.select_related("prediction__version").defer("prediction__pixels_zlib")
    last = -1
    while found := list(rows.filter(index__gt=last)[:BATCH]):
        yield from map(_outcome, found)
        last = found[-1].index


def _outcome(answer: BatchAnswer) -> dict:
    if answer.prediction:
        return outcome(answer.index, answer.prediction.original_name, answer.prediction)
    return outcome(answer.index, answer.name, answer)


def as_json_lines(batch: Batch) -> Iterator[bytes]:
    for each in outcomes(batch):
        yield json.dumps(each, cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n"


def as_csv(batch: Batch) -> Iterator[bytes]:
    told = ("id", "digit", "confidence", "status", "reason", "model")
    yield csv_line(["index", "name", *told, "code", "detail"])
    for each in outcomes(batch):
        answered, refused = each["prediction"] or {}, each["error"] or {}
        cells = [*(answered.get(name) for name in told), refused.get("code"), refused.get("detail")]
        yield csv_line([each["index"], each["name"], *cells])


FORMATS = {
    "jsonl": (as_json_lines, "application/x-ndjson"),
    "csv": (as_csv, "text/csv; charset=utf-8"),
}
