"""Which part of the history a list is about, as the admin and `export_history` understand it."""

from rest_framework import serializers

from classifier.models import NOT_A_DIGIT, ModelVersion, PredictionQuerySet

from .fields import Number, Query, Text


class HistoryFilters(Query):
    """What `/api/v1/predictions` may be asked for."""

    digit = Number(min_value=0, max_value=9, required=False, help_text="What was read.")
    label = Number(
        min_value=0,
        max_value=NOT_A_DIGIT,
        required=False,
        help_text="What a person said; 10 is not a digit.",
    )
    status = serializers.ChoiceField(
        PredictionQuerySet.STATUSES, required=False, help_text="Or why it is uncertain."
    )
    review = serializers.ChoiceField(
        PredictionQuerySet.REVIEWS,
        required=False,
        help_text="Not reviewed yet, reviewed, or with which outcome.",
    )
    model = Text(max_length=64, required=False, help_text="The version that answered.")
    since = serializers.DateTimeField(required=False, help_text="Uploaded then or later.")
    until = serializers.DateTimeField(required=False, help_text="Uploaded before.")


def choose(predictions: PredictionQuerySet, query) -> PredictionQuerySet:
    """Those that a query string asks for, newest first. Raises ValidationError.

    Ten million rows must not be sorted for a page. So a list walks one index that is in order,
    the time's if a time is given, else the key, and what else is asked is looked up in each row.
    """
    wanted = HistoryFilters.of(query)
    timed = "since" in wanted or "until" in wanted
    for name in ("digit", "label"):
        if name in wanted:
            predictions = predictions.filter(**{name: wanted[name]})
    if "status" in wanted:
        predictions = predictions.with_status(wanted["status"])
    if "review" in wanted:
        predictions = predictions.with_review(wanted["review"])
    if "model" in wanted:
        versions = ModelVersion.objects.filter(name=wanted["model"])
        version = versions.values_list("pk", flat=True).first()
        predictions = predictions.answered_by(version, by_time=timed)
    if "since" in wanted:
        predictions = predictions.filter(created_at__gte=wanted["since"])
    if "until" in wanted:
        predictions = predictions.filter(created_at__lt=wanted["until"])
    return predictions.order_by("-created_at", "-id") if timed else predictions.order_by("-id")
