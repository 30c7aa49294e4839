from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.html import format_html

from classifier import review
from classifier.models import LABELS, Correction

from .evidence import Evidence


class CorrectionForm(forms.Form):
    label = forms.TypedChoiceField(choices=LABELS, coerce=int)
    note = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"form": "correction", "placeholder": "a note, if you like"}),
    )


class CorrectView:
    """Say on a row's page what its picture shows."""

    def get_urls(self):
        correct = self.admin_site.admin_view(self.correct_view)
        name = "classifier_prediction_correct"
        return [path("<int:pk>/correct", correct, name=name), *super().get_urls()]

    def has_review_permission(self, request) -> bool:
        """May this person say what pictures show? Who may not see them, may not."""
        return self.has_view_permission(request) and request.user.has_perm("classifier.review")

    def correct_view(self, request, pk):
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_review_permission(request):
            raise PermissionDenied
        prediction = get_object_or_404(self.model, pk=pk)
        form = CorrectionForm(request.POST)
        if form.is_valid():
            made = review.correct(
                pk, form.cleaned_data["label"], request.user, form.cleaned_data["note"]
            )
            text = f"{prediction} is labelled: {made.get_to_label_display()}."
            self.message_user(request, text, messages.SUCCESS)
        else:
            text = " ".join(error for errors in form.errors.values() for error in errors)
            self.message_user(request, text, messages.ERROR)
        return redirect("admin:classifier_prediction_change", pk)


@admin.register(Correction)
class CorrectionAdmin(Evidence):
    list_display = ["id", "picture", "from_label", "to_label", "reviewer", "created_at", "note"]
    list_select_related = ["reviewer"]
    list_display_links = None
    list_per_page = 50
    search_fields = ["=prediction__id", "=reviewer__username"]
    search_help_text = "An upload's id, or who corrected it."

    @admin.display(description="upload")
    def picture(self, correction):
        address = reverse("admin:classifier_prediction_change", args=[correction.prediction_id])
        return format_html('<a href="{}">{}</a>', address, correction.prediction_id)
