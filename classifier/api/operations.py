"""What each address takes and answers, for the schema.

It is not said on the views: what says it takes half a second to import.
"""

import base64

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers

from . import batches, corrections, models, shapes, training
from .cursor import NewestFirst
from .filters import HistoryFilters
from .many import PredictionsBatchView
from .pictures import MEDIA_TYPES, ExplanationView, PictureView, PixelsView
from .predictions import ModelWish, PredictionsView, PredictionView, Wishes
from .previews import PreviewsView
from .views import ClassifyView

PROBLEMS = {
    400: "What was sent cannot be understood; `errors` says which field.",
    401: "No key or session, or a key that is no good.",
    403: "It may not do this, or the CSRF token is missing.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "Not in this state.",
    410: "The upload was erased.",
    413: "The body, or the number of pictures or pixels in it, is over the limit.",
    415: "The body, or the picture in it, is of a type that is not read.",
    422: "There is no digit to read in the picture, or no such version or upload.",
    429: "Too many requests, or the key's uploads of the day are used up.",
    503: "Nothing can answer, or be stored, at the moment.",
}
BODY = (400, 408, 413, 415)  # what can be wrong with any body

# Who may ask

BEARER, SESSION = {"key": []}, {"session": []}
SOMEBODY = [BEARER, SESSION]
ANYBODY = [*SOMEBODY, {}]  # unless the site requires keys

# What is sent

BINARY = {"type": "string", "format": "binary"}
ONE_PICTURE = {"type": "object", "properties": {"image": BINARY}, "required": ["image"]}
MANY_PICTURES = {
    "type": "object",
    "properties": {
        "image": {
            "type": "array",
            "items": BINARY,
            "minItems": 1,
            "maxItems": settings.MNIST_MAX_BATCH_PICTURES,
        }
    },
    "required": ["image"],
}
IN_BASE64 = {
    "type": "object",
    "properties": {"image": {"type": "string", "format": "byte", "minLength": 1}},
    "required": ["image"],
}
SEVEN = settings.BASE_DIR / "fixtures" / "digits" / "7_mouse.png"
SEVEN_IN_BASE64 = OpenApiExample(
    "A seven", {"image": base64.b64encode(SEVEN.read_bytes()).decode()}
)
PICTURE_IN_ANY_WAY = {
    "multipart/form-data": ONE_PICTURE,
    "image/png": BINARY,
    "image/jpeg": BINARY,
    "image/webp": BINARY,
    "image/bmp": BINARY,
    "application/json": OpenApiRequest(IN_BASE64, examples=[SEVEN_IN_BASE64]),
}
PAGE = [
    OpenApiParameter("cursor", str, description="As in `next` and `previous`."),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "default": NewestFirst.page_size},
        description=f"At most {NewestFirst.max_page_size} are given.",
    ),
]
LENIENT = [  # what is not known is not refused at the original address
    OpenApiParameter("model", str, description="The version that is to answer."),
    OpenApiParameter("explain", str, description="1: the steps and the occlusion map, too."),
]
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201], required=True)

# What is answered, as an example

READ = {
    "classification": "7",
    "digit": 7,
    "confidence": 0.998336,
    "probabilities": [0.0, 0.00163, 6e-06, 1e-06, 0.0, 0.0, 0.0, 0.998336, 0.0, 2.7e-05],
    "status": "certain",
    "reason": None,
}
ANSWER = READ | {"id": 71, "model": "digits-3", "created_at": "2026-11-23T08:26:15.027002Z"}
RECORD = ANSWER | {
    "label": None,
    "original_name": "seven.png",
    "format": "PNG",
    "bytes": 191,
    "sha256": "b1" * 32,
    "request_id": "my-request-1",
    "erased_at": None,
}
REFUSED = {"code": "blank", "detail": "No ink, or too faint to tell from noise."}
OUTCOMES = {
    "results": [
        {"index": 0, "name": "seven.png", "prediction": RECORD, "error": None},
        {"index": 1, "name": "white.png", "prediction": None, "error": REFUSED},
    ]
}


def says(shape, *examples) -> OpenApiResponse:
    shown = [OpenApiExample("Example", each) for each in examples]
    return OpenApiResponse(shape, examples=shown)


def file_of(*media_types: str) -> dict:
    """A file of one of these types."""
    return {(200, media_type): OpenApiTypes.BINARY for media_type in media_types}


def page_of(shape) -> dict:
    """A page of a list."""
    name = shape.__name__.removesuffix("Serializer").removesuffix("Record")
    fields = {
        "next": serializers.URLField(allow_null=True, help_text="The next page."),
        "previous": serializers.URLField(allow_null=True),
        "results": shape(many=True),
    }
    return {200: inline_serializer(f"{name}Page", fields)}


def operation(name, tag, summary, answers, problems=(), *, auth=SOMEBODY, **facts):
    """An operation with all its answers; `problems` are those beside the ones that all have."""
    kind = facts.pop("problem_type", "application/problem+json")
    refusals = {
        (status, kind if status < 500 else "application/problem+json"): OpenApiResponse(
            shapes.Problem, PROBLEMS[status]
        )
        for status in sorted({401, 403, 429, 503, *problems})
    }
    return extend_schema(
        operation_id=name,
        tags=[tag],
        summary=summary,
        responses=answers | refusals,
        auth=auth,
        **{"request": None} | facts,
    )


def read(name, tag, summary, answers, problems=(404,), **facts):
    return operation(name, tag, summary, answers, problems, **facts)


def listed(name, tag, summary, shape, *filters, **facts):
    return operation(
        name, tag, summary, page_of(shape), (400, 404), parameters=[*filters, *PAGE], **facts
    )


PREDICTIONS, MODELS, TRAININGS, BATCHES = "predictions", "models", "training-runs", "batches"
RUN, BATCH = training.TrainingRunSerializer, batches.BatchSerializer
CORRECTION, VERSION = corrections.CorrectionSerializer, models.ModelSerializer

OPERATIONS = {
    ClassifyView: extend_schema_view(
        post=operation(
            *("classify", "original", "Read a digit, as the original service did"),
            {200: says(shapes.ExplainedAnswer, ANSWER)},
            (404, 408),
            auth=[BEARER, {}],
            parameters=LENIENT,
            request={"multipart/form-data": ONE_PICTURE},
            problem_type="application/json",
            description="Whatever is wrong with what was sent is a 404 with a `code`.",
        )
    ),
    PredictionsView: extend_schema_view(
        get=listed(
            *("listPredictions", PREDICTIONS, "The history, the newest first"),
            *(shapes.PredictionRecord, HistoryFilters),
        ),
        post=operation(
            *("createPrediction", PREDICTIONS, "Read a digit and keep the upload"),
            {201: says(shapes.NewPrediction, RECORD)},
            (*BODY, 422),
            auth=ANYBODY,
            parameters=[Wishes, LOCATION],
            request=PICTURE_IN_ANY_WAY,
        ),
    ),
    PredictionsBatchView: extend_schema_view(
        post=operation(
            *("createPredictions", PREDICTIONS, "Read up to 100 pictures; answers in their order"),
            {200: says(shapes.Outcomes, OUTCOMES)},
            (*BODY, 422),
            auth=ANYBODY,
            parameters=[ModelWish],
            request={"multipart/form-data": MANY_PICTURES},
        )
    ),
    PredictionView: extend_schema_view(
        get=read(
            *("getPrediction", PREDICTIONS, "One upload's answer"),
            {200: says(shapes.PredictionRecord, RECORD)},
        ),
        delete=read(
            *("erasePrediction", PREDICTIONS, "Erase what was sent"),
            {204: None},
            description="The file, the pixels and the name go. The answer and the label stay, and "
            "are counted. A key may erase its own uploads.",
        ),
    ),
    PictureView: extend_schema_view(
        get=read(
            *("getPicture", PREDICTIONS, "The upload as it was sent, to be saved"),
            *(file_of(*MEDIA_TYPES.values()), (404, 410)),
        )
    ),
    PixelsView: extend_schema_view(
        get=read(
            *("getPixels", PREDICTIONS, "The 28x28 that the network saw"),
            *(file_of("image/png"), (404, 410)),
        )
    ),
    ExplanationView: extend_schema_view(
        get=read(
            *("getExplanation", PREDICTIONS, "How the upload was read, and what for"),
            *({200: shapes.Explanation}, (404, 410, 415, 422)),
        )
    ),
    PreviewsView: extend_schema_view(
        post=operation(
            *("preview", PREDICTIONS, "Read a digit and keep nothing"),
            {200: says(shapes.Preview)},
            (*BODY, 422),
            auth=ANYBODY,
            parameters=LENIENT,
            request={"multipart/form-data": ONE_PICTURE},
        )
    ),
    corrections.CorrectionsView: extend_schema_view(
        get=listed(
            *("listCorrections", "corrections", "What people said, the newest first"),
            *(CORRECTION, corrections.CorrectionFilters),
        ),
        post=operation(
            *("createCorrection", "corrections", "Say what a picture shows"),
            {201: CORRECTION},
            (*BODY, 410, 422),
            request=corrections.NewCorrectionSerializer,
            examples=[
                OpenApiExample(
                    "A seven", {"prediction": 71, "label": 7, "note": ""}, request_only=True
                )
            ],
        ),
    ),
    models.ModelsView: extend_schema_view(
        get=listed("listModels", MODELS, "The versions, the newest first", VERSION)
    ),
    models.ModelView: extend_schema_view(
        get=read("getModel", MODELS, "One version", {200: VERSION})
    ),
    models.ActivateView: extend_schema_view(
        post=operation(
            *("activateModel", MODELS, "Let a version answer, if the gate lets it pass"),
            *({200: VERSION}, (*BODY, 404, 409)),
            auth=[SESSION],
            request=models.ActivationSerializer,
        )
    ),
    training.TrainingRunsView: extend_schema_view(
        get=listed("listTrainingRuns", TRAININGS, "The trainings, the newest first", RUN),
        post=operation(
            *("createTrainingRun", TRAININGS, "Train a version"),
            *({201: RUN}, (*BODY, 409, 422)),
            request=training.NewRunSerializer,
        ),
    ),
    training.TrainingRunView: extend_schema_view(
        get=read("getTrainingRun", TRAININGS, "One training and its progress", {200: RUN})
    ),
    training.CancelView: extend_schema_view(
        post=read("cancelTrainingRun", TRAININGS, "End a training", {200: RUN})
    ),
    training.ResumeView: extend_schema_view(
        post=read(
            *("resumeTrainingRun", TRAININGS, "Go on with a training"),
            *({200: RUN}, (404, 409)),
        )
    ),
    batches.BatchesView: extend_schema_view(
        get=listed("listBatches", BATCHES, "The batches, the newest first", BATCH),
        post=operation(
            *("createBatch", BATCHES, "Read a ZIP or up to 100 files in the background"),
            *({201: BATCH}, (*BODY, 422)),
            parameters=[ModelWish, LOCATION],
            description="A form may hold one ZIP in place of the pictures.",
            request={
                "multipart/form-data": MANY_PICTURES,
                "application/zip": BINARY,
            },
        ),
    ),
    batches.BatchView: extend_schema_view(
        get=read("getBatch", BATCHES, "One batch and its progress", {200: BATCH})
    ),
    batches.ResultView: extend_schema_view(
        get=read(
            *("getBatchResult", BATCHES, "A line for each picture that is read by now"),
            {(200, "application/x-ndjson"): str, (200, "text/csv"): str},
            (400, 404),
            parameters=[batches.ResultFormat],
        )
    ),
    batches.CancelBatchView: extend_schema_view(
        post=read("cancelBatch", BATCHES, "End a batch for good", {200: BATCH})
    ),
    batches.ResumeBatchView: extend_schema_view(
        post=read(
            *("resumeBatch", BATCHES, "Go on with a batch that failed"),
            *({200: BATCH}, (404, 409)),
        )
    ),
}
