from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from classifier.models import Replay, ReplayAnswer

from .evidence import Evidence
from .facts import readable
from .jobs import JobAdmin


@admin.register(Replay)
class ReplayAdmin(JobAdmin):
    list_display = ["id", "version", "current_state", "total", "done", "differing", "created_at"]
    list_filter = ["state", "version"]
    list_select_related = ["version"]
    fields = [
        "version",
        "chosen",
        "current_state",
        "current_reason",
        "total",
        "done",
        "differing",
        "changes",
        "started_by",
        "created_at",
        "finished_at",
    ]

    @admin.display(description="uploads chosen by")
    def chosen(self, found):
        return readable(found.filters)

    @admin.display(description="what would change")
    def changes(self, found):
        listed = reverse("admin:classifier_replayanswer_changelist")
        queue = reverse("admin:classifier_prediction_review")
        return format_html(
            '<a href="{}?replay__id__exact={}&differs__exact=1">{} of {} uploads</a>'
            ' (<a href="{}?replay={}">review these</a>)',
            *(listed, found.pk, found.differing, found.done),
            *(queue, found.pk),
        )


@admin.register(ReplayAnswer)
class ReplayAnswerAdmin(Evidence):
    """Both answers side by side."""

    list_display = ["upload", "then", "then_confidence", "digit", "now_confidence", "reason"]
    list_filter = ["differs", "digit", "replay"]
    list_select_related = ["prediction"]
    fields = ["replay", "prediction", "digit", "confidence", "reason", "differs"]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    @admin.display(description="upload")
    def upload(self, answer):
        address = reverse("admin:classifier_prediction_thumbnail", args=[answer.prediction_id])
        return format_html(
            '<img class="thumbnail" src="{}" alt="upload {}" loading="lazy">',
            address,
            answer.prediction_id,
        )

    @admin.display(description="answered then", ordering="prediction__digit")
    def then(self, answer):
        return answer.prediction.digit

    @admin.display(description="confidence then")
    def then_confidence(self, answer):
        return f"{answer.prediction.confidence:.1%}"

    @admin.display(description="confidence now")
    def now_confidence(self, answer):
        return "refused" if answer.confidence is None else f"{answer.confidence:.1%}"
