"""The review queue: one picture after another, as fast as a person can press a key."""

import json
from functools import wraps

import numpy as np
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse

from classifier import review
from classifier.inference import data_address
from classifier.models import LABELS, NOT_A_DIGIT, Correction, Prediction, Replay

MOST_AT_ONCE = 20  # pictures that one request may claim
COUNTED = 1000  # of what waits; beyond it the page says "more than"


class ReplayField(forms.ModelChoiceField):
    def label_from_instance(self, replay):
        return f"{replay.version}, {replay.created_at:%b %-d} ({replay.differing} uploads)"


class PartForm(forms.Form):
    """The part of the history that the page's address names, in the words of the list's filters."""

    STATUSES = [("certain", "certain"), ("uncertain", "uncertain"), *Prediction.Reason.choices[1:]]

    digit = forms.TypedChoiceField(
        choices=[("", "any digit"), *LABELS[:NOT_A_DIGIT]],
        coerce=int,
        empty_value=None,
        required=False,
        label="read as",
    )
    status = forms.ChoiceField(
        choices=[("", "any status"), *STATUSES], required=False, label="status"
    )
    replay = ReplayField(
        Replay.objects.filter(differing__gt=0).select_related("version"),
        required=False,
        empty_label="-",
        label="answered differently by",
    )

    def chosen(self):
        """These uploads, and their status. What the address says amiss narrows nothing."""
        self.full_clean()
        digit, status, replay = (self.cleaned_data.get(name) for name in self.fields)
        uploads = Prediction.objects.all()
        if digit is not None:
            uploads = uploads.filter(digit=digit)
        if replay:
            differing = replay.answers.filter(differs=True)
            uploads = uploads.filter(pk__in=differing.order_by().values("prediction"))
        return uploads, status or ""


class NextForm(forms.Form):
    count = forms.IntegerField(min_value=1, max_value=MOST_AT_ONCE)


class AnswerForm(forms.Form):
    picture = forms.IntegerField()
    label = forms.TypedChoiceField(choices=LABELS, coerce=int)


class UndoForm(forms.Form):
    correction = forms.IntegerField()


class ReleaseForm(forms.Form):
    pictures = forms.JSONField(required=False)

    def clean_pictures(self):
        pictures = self.cleaned_data["pictures"] or []
        if not isinstance(pictures, list) or not all(isinstance(each, int) for each in pictures):
            raise forms.ValidationError("Expected a list of ids.")
        return pictures[:MOST_AT_ONCE]


def step(form_class):
    """An endpoint of the queue: JSON posted by someone with the right, checked by a form."""

    def decorate(view):
        @wraps(view)
        def wrapped(self, request):
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not self.has_review_permission(request):
                raise PermissionDenied
            form = form_class(_sent(request))
            if not form.is_valid():
                return JsonResponse({"detail": form.errors.as_text()}, status=400)
            try:
                return JsonResponse(view(self, request, **form.cleaned_data))
            except review.NotYours as error:
                return JsonResponse({"detail": str(error)}, status=409)

        return wrapped

    return decorate


def _sent(request) -> dict:
    """The JSON object in a request's body; empty when there is none."""
    try:
        sent = json.loads(request.body)
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


class QueueViews:
    """The page of the queue, and the steps that its script asks for."""

    def get_urls(self):
        def page(address, view, name):
            wrapped = self.admin_site.admin_view(view)
            return path(address, wrapped, name=f"classifier_prediction_{name}")

        return [
            page("review/", self.review_view, "review"),
            page("review/next", self.next_view, "review_next"),
            page("review/answer", self.answer_view, "review_answer"),
            page("review/undo", self.undo_view, "review_undo"),
            page("review/release", self.release_view, "review_release"),
            *super().get_urls(),
        ]

    def review_view(self, request):
        if not self.has_review_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Review",
            "opts": self.opts,
            "digits": range(10),
            "part": PartForm(request.GET),
        }
        return TemplateResponse(request, "admin/classifier/prediction/review.html", context)

    @step(NextForm)
    def next_view(self, request, count):
        among, status = PartForm(request.GET).chosen()
        pictures = review.claim(request.user, count, among, status)
        return {
            "pictures": [shown(each) for each in pictures],
            "waiting": review.waiting_count(COUNTED + 1, among, status),
        }

    @step(AnswerForm)
    def answer_view(self, request, picture, label):
        return {"correction": review.answer(picture, label, request.user).pk}

    @step(UndoForm)
    def undo_view(self, request, correction):
        undone = get_object_or_404(Correction, pk=correction)
        return {"correction": review.undo(undone, request.user).pk}

    @step(ReleaseForm)
    def release_view(self, request, pictures):
        review.release(pictures, request.user)
        return {}


def shown(prediction: Prediction) -> dict:
    """What the page needs of a picture, so that it can show it without asking again."""
    likely = np.argsort(-prediction.probabilities, kind="stable")[:3]
    return {
        "id": prediction.pk,
        "digit": prediction.digit,
        "status": prediction.get_reason_display(),
        "picture": reverse("admin:classifier_prediction_picture", args=[prediction.pk]),
        "page": reverse("admin:classifier_prediction_change", args=[prediction.pk]),
        "saw": data_address(prediction.pixels),
        "likely": [
            {"digit": int(digit), "percent": round(100 * float(prediction.probabilities[digit]), 1)}
            for digit in likely
        ],
    }
