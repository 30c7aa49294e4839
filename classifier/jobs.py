"""How batches, replays and trainings begin, show that they are alive, and end.

A job belongs to the process that claimed it until it is cancelled, or failed because no heartbeat
comes. Its `attempt` grows when it is resumed, and a process writes to its own attempt only: one
that was given up and goes on after all changes nothing.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks.exceptions import TaskResultDoesNotExist

from .models.jobs import STALE, STALE_AFTER, Job

State = Job.State
GONE_AFTER = timedelta(seconds=5)  # without a heartbeat, a process of this machine is looked for
HEARTBEAT_SECONDS = 0.5  # after each slow picture, not after each small one


class Superseded(Exception):
    """The job was cancelled, or given up, while this process worked on it."""


class NotResumable(ValueError):
    """The job has not ended early, or was ended for good."""


def claim(job: Job) -> bool:
    """Begin a job that waits, in this process; False when another did, or it was cancelled."""
    now = timezone.now()
    claimed = _attempt(job, State.WAITING).update(
        state=State.RUNNING,
        started_at=job.started_at or now,
        last_heartbeat_at=now,
        host=socket.gethostname(),
        pid=os.getpid(),
    )
    job.refresh_from_db()
    return bool(claimed)


def heartbeat(job: Job, **fields) -> None:
    """Show that a claimed job goes on, and write its progress. Raises Superseded."""
    running = _attempt(job, State.RUNNING)
    if not running.update(last_heartbeat_at=timezone.now(), **fields):
        raise Superseded


def finish(job: Job) -> None:
    """Close a claimed job that is done. Raises Superseded."""
    heartbeat(job, state=State.DONE, finished_at=timezone.now())


def fail(job: Job, reason: str, **fields) -> None:
    """Close a job that went wrong, unless it ended or was resumed meanwhile."""
    _attempt(job, *Job.OPEN).update(
        state=State.FAILED, reason=reason, finished_at=timezone.now(), **fields
    )


def cancel(job: Job, reason: str = "") -> bool:
    """Cancel a job. The process that works on it notices at its next heartbeat."""
    rows = type(job).objects.filter(pk=job.pk, state__in=job.CANCELLABLE)
    fields = {"reason": reason} if reason else {}
    return bool(rows.update(state=State.CANCELLED, finished_at=timezone.now(), **fields))


def resume(job: Job, **fields) -> None:
    """Let a job that ended early wait again, to go on where it stopped. Raises NotResumable."""
    fail_stale(type(job))
    rows = type(job).objects.filter(pk=job.pk, state__in=job.RESUMABLE)
    resumed = rows.update(
        state=State.WAITING,
        reason="",
        finished_at=None,
        last_heartbeat_at=timezone.now(),
        attempt=F("attempt") + 1,
        task_id="",
        **fields,
    )
    job.refresh_from_db()
    if not resumed:
        raise NotResumable(f"{job} is {job.get_state_display()}: nothing to resume.")


def is_current(job: Job) -> bool:
    """Whether a job is still open, in the attempt that this process knows."""
    return _attempt(job, *Job.OPEN).exists()


def fail_stale(*kinds: type[Job]) -> None:
    """Fail the jobs whose process ended without a word; of all kinds if none is named.

    Workers call this at their start and every few seconds, and so does whatever begins or resumes
    a job. Requests that read do not: `Job.shown_state` tells them.
    """
    for kind in kinds or Job.__subclasses__():
        latest = Coalesce("last_heartbeat_at", "created_at")
        quiet = kind.objects.filter(state__in=Job.OPEN).alias(latest=latest)
        for job in quiet.filter(latest__lt=timezone.now() - GONE_AFTER):
            if _is_lost(job):
                fail(job, STALE)


def _attempt(job: Job, *states: str) -> QuerySet:
    """The job's row, if it is in one of these states and was not resumed meanwhile."""
    return type(job).objects.filter(pk=job.pk, attempt=job.attempt, state__in=states)


def _is_lost(job: Job) -> bool:
    """Whether no process works on an open job, or will."""
    if job.state == State.RUNNING:
        return job.is_stale or (job.host == socket.gethostname() and not _is_alive(job.pid))
    overdue = timezone.now() - STALE_AFTER
    return job.last_sign_at < overdue and _was_taken(job, overdue)


def _was_taken(job: Job, before: datetime) -> bool:
    """Whether a worker took a waiting job's task, and by this time should have claimed the job."""
    try:
        result = default_task_backend.get_result(job.task_id)
    except TaskResultDoesNotExist:
        return True
    taken = result.status != TaskResultStatus.READY
    return taken and (result.started_at is None or result.started_at < before)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"  # killed, and not yet collected
    return True


def at_intervals(call: Callable[[], object]) -> Callable[[], None]:
    """A function that may be called often, and passes on one call in HEARTBEAT_SECONDS."""
    called_at = time.monotonic()

    def call_if_due() -> None:
        nonlocal called_at
        if time.monotonic() >= called_at + HEARTBEAT_SECONDS:
            call()
            called_at = time.monotonic()

    return call_if_due
