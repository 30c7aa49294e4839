import re

import numpy as np
from django.contrib import admin
from django.db.models import Q
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from classifier import inference
from classifier.inference import data_address
from classifier.models import LABELS, Prediction

from .actions import EXPORTS, LABELLING, erase
from .corrections import CorrectionForm, CorrectView
from .evidence import Evidence, UploadViews
from .filters import DigitFilter, LabelFilter, ReviewFilter, StatusFilter, VersionFilter
from .long_lists import COUNTED, LookBackFilter, is_by_time, searched_part
from .queue import QueueViews
from .statistics import StatisticsView

ID = re.compile(r"[0-9]{1,18}")
SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


@admin.register(Prediction)
class PredictionAdmin(QueueViews, StatisticsView, CorrectView, UploadViews, Evidence):
    list_display = [
        "id",
        "upload_thumbnail",
        "network_saw",
        "digit",
        "said",
        "sureness",
        "received",
        "version",
        "name",
    ]
    list_display_links = ["id", "upload_thumbnail"]
    list_filter = [
        ReviewFilter,
        DigitFilter,
        LabelFilter,
        StatusFilter,
        VersionFilter,
        "created_at",
        LookBackFilter,
    ]
    actions = [*LABELLING, *EXPORTS, erase]
    list_select_related = ["version"]
    list_per_page = 50
    search_fields = ["original_name"]  # that there is a search; get_search_results does it
    search_help_text = "An id, part of a file's name, a request id, or the SHA-256 of a file."
    fields = [
        "digit",
        "said",
        "percent",
        "reason",
        "version",
        "created_at",
        "original_name",
        "format",
        "size",
        "sha256_hex",
        "stored_as",
        "duration",
        "request_id",
        "key",
    ]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    @admin.display(description="upload")
    def upload_thumbnail(self, prediction):
        if prediction.erased_at:
            return "erased"
        address = reverse("admin:classifier_prediction_thumbnail", args=[prediction.pk])
        return format_html(
            '<img class="thumbnail" src="{}" alt="the upload" loading="lazy">', address
        )

    @admin.display(description="as seen")
    def network_saw(self, prediction):
        if prediction.erased_at:
            return "-"
        return format_html(
            '<img class="thumbnail pixels" src="{}" alt="the 28x28 pixels">',
            data_address(prediction.pixels),
        )

    @admin.display(description="status", ordering="confidence")
    def sureness(self, prediction):
        return format_html("{}<br>{}", self.percent(prediction), prediction.get_reason_display())

    @admin.display(description="received", ordering="created_at")
    def received(self, prediction):
        return date_format(localtime(prediction.created_at), "M j, H:i")

    @admin.display(description="file", ordering="original_name")
    def name(self, prediction):
        return truncatechars(prediction.original_name, 24)

    @admin.display(description="label")
    def said(self, prediction):
        """What people said; set off where it is not what was read."""
        if prediction.label is None:
            return "-"
        kind = "agrees" if prediction.label == prediction.digit else "disagrees"
        return format_html('<span class="label {}">{}</span>', kind, prediction.get_label_display())

    @admin.display(description="confidence")
    def percent(self, prediction):
        return f"{prediction.confidence:.1%}"

    @admin.display(description="time taken")
    def duration(self, prediction):
        taken = prediction.duration_us
        return f"{taken / 1000:.1f} ms" if taken else "not measured"

    @admin.display(description="stored as")
    def stored_as(self, prediction):
        return prediction.upload.name

    @admin.display(description="SHA-256")
    def sha256_hex(self, prediction):
        return prediction.sha256_hex

    def has_erase_permission(self, request) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("classifier.erase")

    def get_ordering(self, request):
        return ["-created_at", "-id"] if is_by_time(request) else ["-id"]

    def get_search_results(self, request, queryset, search_term):
        """By id at once; by what has no index among the newest uploads, or those one chose.

        The keys are looked up first: together with an id no order could be walked.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        rows = searched_part(request, queryset).filter(sought(term))
        keys = list(rows.values_list("pk", flat=True)[: COUNTED + 1])
        if ID.fullmatch(term):
            keys.append(int(term))
        return queryset.filter(pk__in=keys), False

    def change_view(self, request, object_id, form_url="", extra_context=None):
        prediction = self.get_object(request, object_id)
        if prediction is not None and self.has_view_permission(request, prediction):
            extra_context = {**(extra_context or {}), **detail(prediction)}
            if self.has_review_permission(request) and not prediction.erased_at:
                extra_context |= {"labels": LABELS, "correction": CorrectionForm()}
        return super().change_view(request, object_id, form_url, extra_context)


def sought(term: str) -> Q:
    """What a search is for, beside an id."""
    if SHA256.fullmatch(term):
        return Q(sha256=bytes.fromhex(term))
    return Q(original_name__icontains=term) | Q(request_id=term)


def detail(prediction: Prediction) -> dict:
    """What the detail page shows beside the row: the ten bars and the steps to the 28x28."""
    return {
        **({} if prediction.erased_at else pictures(prediction)),
        "bars": [
            {"digit": digit, "percent": f"{100 * probability:.1f}"}
            for digit, probability in enumerate(prediction.probabilities)
        ],
        "corrections": prediction.corrections.select_related("reviewer"),
    }


def pictures(prediction: Prediction) -> dict:
    """What the network saw, what its answer rests on, and the steps to there."""
    steps, remark = _recomputed(prediction)
    return {
        "saw": data_address(prediction.pixels),
        "rests_on": _rests_on(prediction),
        "steps": [{"name": name, "address": data_address(pixels)} for name, pixels in steps],
        "remark": remark,
    }


def _rests_on(prediction: Prediction) -> str:
    """The address of the occlusion map; empty when the version that answered is gone."""
    try:
        shown = inference.occlusion(prediction.version.name, prediction.pixels, prediction.digit)
    except inference.NotReady:
        return ""
    return data_address(shown)


def _recomputed(prediction: Prediction) -> tuple[list, str]:
    """The steps, taken anew from the upload, and what is odd about them, if anything is."""
    try:
        with prediction.upload.open() as file:
            steps = inference.steps(file.read())
    except OSError:
        return [], "The file of this upload is gone."
    except inference.InvalidImage as refusal:
        return [], f"Today this upload would be refused: {refusal.detail}"
    if not np.array_equal(steps[-1][1], prediction.pixels):
        return steps, (
            "These steps end in other pixels than the network saw then: "
            "the preprocessing has changed since."
        )
    return steps, ""
