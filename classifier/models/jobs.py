"""What batches, replays and trainings have in common as background jobs."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

STALE_AFTER = timedelta(seconds=60)  # without a heartbeat, the process of a job is gone
STALE = "Its worker was stopped or killed. What it has done is kept; resume it to do the rest."


class Job(models.Model):
    """Work that waits for a worker, runs, and ends. `classifier.jobs` changes its state."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for a worker"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    OPEN = (State.WAITING, State.RUNNING)
    CANCELLABLE: tuple[State, ...] = OPEN
    RESUMABLE: tuple[State, ...] = (State.FAILED, State.CANCELLED)

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    reason = models.TextField("why it ended early", blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    last_heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    host = models.CharField(max_length=255, blank=True)  # of the process that runs it
    pid = models.PositiveIntegerField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)  # one more with each resume
    task_id = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True
        ordering = ["-id"]

    @property
    def last_sign_at(self) -> datetime:
        """When it was last heard of: its latest heartbeat or resume, or its creation."""
        return self.last_heartbeat_at or self.created_at

    @property
    def is_stale(self) -> bool:
        """Whether it should be running and has had no heartbeat for a while."""
        return self.state == self.State.RUNNING and self.last_sign_at + STALE_AFTER < timezone.now()

    @property
    def shown_state(self) -> State:
        """The state for readers: a stale job has failed, even if no worker is left to note it."""
        return self.State.FAILED if self.is_stale else self.State(self.state)

    @property
    def shown_reason(self) -> str:
        return STALE if self.is_stale else self.reason

    @property
    def is_open(self) -> bool:
        return self.shown_state in self.OPEN

    @property
    def is_resumable(self) -> bool:
        return self.shown_state in self.RESUMABLE
