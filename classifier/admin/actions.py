"""What can be done to many rows of the history's list at once."""

from django.contrib import admin, messages
from django.utils.translation import ngettext

from classifier import review
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


def report(modeladmin, request, done: int) -> None:
    text = ngettext("%d picture was reviewed.", "%d pictures were reviewed.", done) % done
    modeladmin.message_user(request, text, messages.SUCCESS)


LABELLING = [confirm, *(label_as(label, text) for label, text in LABELS)]
