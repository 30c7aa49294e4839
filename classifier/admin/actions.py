"""What can be done to many rows of the history's list at once."""

from django.contrib import admin, messages
from django.http import StreamingHttpResponse
from django.utils.translation import ngettext

from classifier import export, review
from classifier.models import LABELS


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


LABELLING = [confirm, *(label_as(label, text) for label, text in LABELS), take_back]
EXPORTS = [
    export_as("csv", "as CSV"),
    export_as("jsonl", "as JSON lines"),
    export_as("zip", "pictures by label, as a ZIP"),
]
