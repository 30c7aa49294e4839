from django.contrib import admin

from classifier import batches
from classifier.models import Batch

from .evidence import Evidence


@admin.register(Batch)
class BatchAdmin(Evidence):
    list_display = ["id", "state", "total", "done", "failed", "started_by", "key", "created_at"]
    list_filter = ["state"]
    list_select_related = ["started_by", "key"]
    fields = [
        "state",
        "reason",
        "total",
        "done",
        "failed",
        "version",
        "started_by",
        "key",
        "request_id",
        "created_at",
        "heard_at",
        "finished_at",
    ]

    def changelist_view(self, request, extra_context=None):
        batches.fail_lost()
        return super().changelist_view(request, extra_context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        batches.fail_lost()
        return super().change_view(request, object_id, form_url, extra_context)
