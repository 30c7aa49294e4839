from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_POST

from classifier import jobs, registry, runs, tasks, training
from classifier.models import ModelVersion, TrainingRun
from classifier.registry import UnknownVersion

from .facts import readable
from .jobs import JobAdmin

TRAIN = "classifier.train"


class TrainingForm(forms.Form):
    """What a training may be asked for, as `training.begin` takes it."""

    name = forms.CharField(
        max_length=64, required=False, help_text="New version; optional, defaults to a timestamp."
    )
    corrections = forms.BooleanField(
        required=False, initial=True, label="Also train on the reviewed uploads"
    )
    start = forms.ChoiceField(required=False, label="Start from")
    epochs = forms.IntegerField(
        min_value=1,
        max_value=1000,
        required=False,
        help_text=f"Leave empty for {training.EPOCHS_MORE}; from random weights {training.EPOCHS}, "
        f"after {training.EPOCHS_TEACHER} of a wider network that it learns from.",
    )
    weight = forms.IntegerField(
        min_value=1,
        max_value=10_000,
        initial=training.WEIGHT,
        help_text="Weight of one reviewed upload, in MNIST images.",
    )
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        versions = ModelVersion.objects.values_list("name", "state")
        self.fields["start"].choices = [("", "random weights")] + [
            (name, f"{name} ({state})") for name, state in versions
        ]
        active = next((name for name, state in versions if state == "active"), "")
        self.fields["start"].initial = active


@admin.register(TrainingRun)
class TrainingRunAdmin(JobAdmin):
    change_form_template = "admin/classifier/trainingrun/change_form.html"
    list_display = [
        *("name", "current_state", "current_reason", "version", "start"),
        *("started_by", "created_at"),
    ]
    list_select_related = ["version", "start", "started_by"]
    search_fields = ["name"]
    fields = [
        "name",
        "version",
        "start",
        "planned",
        "started_by",
        "created_at",
        "started_at",
        "finished_at",
        "host",
        "pid",
    ]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    @admin.display(description="plan")
    def planned(self, run):
        return readable(run.plan)

    def has_add_permission(self, request):
        return request.user.has_perm(TRAIN)

    def get_urls(self):
        def page(name, view):
            return path(
                f"<int:pk>/{name}",
                self.admin_site.admin_view(require_POST(view)),
                name=f"classifier_trainingrun_{name}",
            )

        return [
            page("cancel", self.cancel_view),
            page("resume", self.resume_view),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        extra_context = {**(extra_context or {}), "may_train": request.user.has_perm(TRAIN)}
        return super().change_view(request, object_id, form_url, extra_context)

    def render_change_form(self, request, context, **kwargs):
        version = getattr(kwargs["obj"], "version", None)
        context["has_report"] = version and registry.has_report(version)
        return super().render_change_form(request, context, **kwargs)

    def add_view(self, request, form_url="", extra_context=None):
        """Ask what to train; start it, and show how it goes."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TrainingForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            run = self.started(request, form)
            if run:
                return redirect("admin:classifier_trainingrun_change", run.pk)
        context = {"title": "Train", "opts": self.opts, "form": form}
        return TemplateResponse(
            request,
            "admin/classifier/trainingrun/train.html",
            self.admin_site.each_context(request) | context,
        )

    def started(self, request, form):
        """The run that the form asks for; None, with the reason on the form, when it is refused."""
        try:
            run = training.begin(by=request.user, **form.cleaned_data)
        except (runs.RunInProgress, ValueError, FileExistsError, UnknownVersion) as error:
            form.add_error(None, str(error))
            return None
        tasks.send(run)
        self.log_addition(request, run, "Started the training.")
        return run

    def cancel_view(self, request, pk):
        run = self._changeable(request, pk)
        jobs.cancel(run, "Cancelled.")
        self.log_change(request, run, "Cancelled the training.")
        return redirect("admin:classifier_trainingrun_change", pk)

    def resume_view(self, request, pk):
        run = self._changeable(request, pk)
        try:
            tasks.send(runs.resume(run))
        except (runs.RunInProgress, jobs.NotResumable) as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, run, "Resumed the training.")
        return redirect("admin:classifier_trainingrun_change", pk)

    def _changeable(self, request, pk):
        if not request.user.has_perm(TRAIN):
            raise PermissionDenied
        return get_object_or_404(TrainingRun, pk=pk)
