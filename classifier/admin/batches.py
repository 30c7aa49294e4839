from django.contrib import admin

from classifier.models import Batch

from .jobs import JobAdmin


@admin.register(Batch)
class BatchAdmin(JobAdmin):
    list_display = [
        *("id", "current_state", "total", "done", "failed"),
        *("started_by", "key", "created_at"),
    ]
    list_select_related = ["started_by", "key"]
    fields = [
        "current_state",
        "current_reason",
        "total",
        "done",
        "failed",
        "version",
        "started_by",
        "key",
        "request_id",
        "created_at",
        "last_heartbeat_at",
        "finished_at",
    ]
