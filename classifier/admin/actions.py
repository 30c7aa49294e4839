"""What can be done to many rows of the history's list at once."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from classifier import erasure, export, review
from classifier.models import LABELS

COUNTED = 10_000  # of what is chosen; beyond it the page says "more than"


def label_as(label: int, text: str):
    """An action that says the selected pictures show `label`."""

    @admin.action(description=f"Label as {text}", permissions=["review"])
    def action(modeladmin, request, queryset):
        report(modeladmin, request, review.correct_many(queryset, label, request.user))

    action.__name__ = f"label_as_{label}"
    return action


@admin.action(description="Confirm the digit that was read", permissions=["review"])
def confirm(modeladmin, request, queryset):
    report(modeladmin, request, review.correct_many(queryset, None, request.user))


@admin.action(description="Take back my latest label", permissions=["review"])
def take_back(modeladmin, request, queryset):
    done = review.take_back_many(queryset, request.user)
    text = ngettext("%d label was taken back.", "%d labels were taken back.", done) % done
    modeladmin.message_user(request, text, messages.SUCCESS)


def report(modeladmin, request, done: int) -> None:
    text = ngettext("%d picture was reviewed.", "%d pictures were reviewed.", done) % done
    modeladmin.message_user(request, text, messages.SUCCESS)


def export_as(name: str, text: str):
    """An action that sends the selected rows as a file, while it is being made."""

    @admin.action(description=f"Export {text}", permissions=["view"])
    def action(modeladmin, request, queryset):
        pieces, media_type = export.FORMATS[name]
        rows = export.predictions(queryset)
        response = StreamingHttpResponse(pieces(rows), content_type=media_type)
        response["Content-Disposition"] = f'attachment; filename="history.{name}"'
        return response

    action.__name__ = f"export_{name}"
    return action


@admin.action(description="Erase for good", permissions=["erase"])
def erase(modeladmin, request, queryset):
    """Ask first; then erase, and note for each upload who did it."""
    chosen = queryset.filter(erased_at=None)
    if request.POST.get("confirmed") != "yes":
        count = chosen.order_by()[: COUNTED + 1].count()
        context = {
            **modeladmin.admin_site.each_context(request),
            "title": "Erase",
            "opts": modeladmin.opts,
            "count": f"more than {COUNTED:,}" if count > COUNTED else count,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "admin/classifier/prediction/erase.html", context)
    done = 0
    for keys in chosen.keys_in_batches(erasure.BATCH):
        rows = modeladmin.model.objects.filter(pk__in=keys)
        done += erasure.erase(rows)
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, change_message="Erased.")
    text = ngettext("%d upload was erased.", "%d uploads were erased.", done) % done
    modeladmin.message_user(request, text, messages.SUCCESS)


LABELLING = [confirm, *(label_as(label, text) for label, text in LABELS), take_back]
EXPORTS = [
    export_as("csv", "as CSV"),
    export_as("jsonl", "as JSON lines"),
    export_as("zip", "pictures by label, as a ZIP"),
]
