from django.contrib import admin

from .evidence import Evidence


class JobAdmin(Evidence):
    """A job as it is now: one whose worker is gone has failed, even before that is noted."""

    list_filter = ["state"]

    @admin.display(description="state", ordering="state")
    def current_state(self, job):
        return job.shown_state.label

    @admin.display(description="why it ended early")
    def current_reason(self, job):
        return job.shown_reason or None
