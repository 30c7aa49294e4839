from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST

from classifier import gate, inference, registry, replay, tasks
from classifier.models import ModelVersion, Promotion

from .evidence import Evidence
from .facts import readable

OVERRULE = "classifier.overrule"
PROMOTE = "classifier.promote"
REPORT_POLICY = (  # the uploads in it are shown by this site, to those who may see them
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox allow-same-origin"
)


@admin.register(ModelVersion)
class ModelVersionAdmin(Evidence):
    change_form_template = "admin/classifier/modelversion/change_form.html"
    list_display = ["name", "state", "test_accuracy", "passes", "parent", "created_at", "problem"]
    list_filter = ["state", "network"]
    list_select_related = ["parent"]
    search_fields = ["name", "notes"]
    fields = [
        "name",
        "state",
        "problem",
        "notes",
        "network",
        "test_accuracy",
        "compared",
        "parent",
        "training_run",
        "created_at",
        "keras_sha256",
        "tflite_sha256",
        "known",
    ]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    @admin.display(description="MNIST test images")
    def test_accuracy(self, version):
        accuracy = version.metrics.get("test_accuracy")
        return "" if accuracy is None else f"{accuracy:.2%}"

    @admin.display(description="facts")
    def known(self, version):
        return readable(version.facts)

    @admin.display(description="gate")
    def passes(self, version):
        if version.gate is None:
            return ""
        verdict = "passes" if version.gate["passed"] else "held back"
        return f"{verdict} against {version.gate['against']}"

    @admin.display(description="gate")
    def compared(self, version):
        """The last comparison, in its own words."""
        if version.gate is None:
            return "not compared yet"
        told = format_html_join("", "<br>{}", ((each["text"],) for each in version.gate["sets"]))
        return format_html("{}{}", self.passes(version), told)

    def get_urls(self):
        def page(name, view):
            return path(
                f"<int:pk>/{name}",
                self.admin_site.admin_view(view),
                name=f"classifier_modelversion_{name}",
            )

        return [
            page("promote", self.promote_view),
            page("report", self.report_view),
            page("replay", require_POST(self.replay_view)),
            *super().get_urls(),
        ]

    def render_change_form(self, request, context, **kwargs):
        context["may_promote"] = request.user.has_perm(PROMOTE)
        context["has_report"] = registry.has_report(kwargs["obj"])
        return super().render_change_form(request, context, **kwargs)

    def report_view(self, request, pk):
        """A version's figures and mistakes on both of the gate's sets; written when trained."""
        version = get_object_or_404(ModelVersion, pk=pk)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        try:
            file = default_storage.open(registry.report_path(version))
        except FileNotFoundError as error:
            raise Http404("This version has no report.") from error
        response = FileResponse(file, content_type="text/html; charset=utf-8")
        response["Content-Security-Policy"] = REPORT_POLICY
        return response

    def replay_view(self, request, pk):
        """Let a worker answer the whole history again with this version."""
        if not request.user.has_perm(PROMOTE):
            raise PermissionDenied
        found = replay.begin(get_object_or_404(ModelVersion, pk=pk), {}, request.user)
        tasks.send(found)
        return redirect("admin:classifier_replay_change", found.pk)

    def promote_view(self, request, pk):
        """Ask whether a version should answer, showing what the gate says; then let it."""
        version = get_object_or_404(ModelVersion, pk=pk)
        if not request.user.has_perm(PROMOTE):
            raise PermissionDenied
        if request.method == "POST" and self.promoted(request, version):
            return redirect("admin:classifier_modelversion_changelist")
        return TemplateResponse(
            request,
            "admin/classifier/modelversion/promote.html",
            self.admin_site.each_context(request)
            | {
                "title": f"Make {version} active?",
                "opts": self.opts,
                "version": version,
                "active": registry.active_if_any(),
                "verdict": self.verdict(request, version),
                "may_overrule": request.user.has_perm(OVERRULE),
            },
        )

    def verdict(self, request, version):
        """What the gate says of a candidate; nothing for a version that has answered before."""
        if version.state != ModelVersion.State.CANDIDATE:
            return None
        try:
            return gate.examine(version)
        except inference.NotReady as error:
            messages.error(request, str(error))
            return None

    def promoted(self, request, version):
        """Promote as the form says; False, with a message, when that is refused."""
        reason = request.POST.get("reason", "").strip()
        if reason and not request.user.has_perm(OVERRULE):
            raise PermissionDenied
        try:
            promotion = gate.promote(version, request.user, reason)
        except (gate.HeldBack, inference.NotReady) as error:
            messages.error(request, str(error))
            return False
        because = promotion.overruled_because
        self.log_change(
            request,
            version,
            f"Let it answer instead of {promotion.previous}."
            + (f" The gate was overruled: {because}" if because else ""),
        )
        messages.success(request, f"{version} is now active, in every process within 5 seconds.")
        return True


@admin.register(Promotion)
class PromotionAdmin(Evidence):
    list_display = ["promoted_at", "version", "previous", "promoted_by", "overruled_because"]
    list_select_related = ["version", "previous", "promoted_by"]
    fields = [*list_display, "compared"]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    @admin.display(description="gate")
    def compared(self, promotion):
        return readable(promotion.gate)
