"""Training runs: one at a time, each with its progress, its end, and the reason for it."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks.exceptions import TaskResultDoesNotExist

from .models import TrainingRun

State = TrainingRun.State
BEAT_S = 1.0  # how often a training gives a sign of life
LOST_AFTER = timedelta(seconds=60)  # without one it has ended, whatever its row says
ASK_EVERY_S = 0.5  # whether work was cancelled: after each slow picture, not each small one
LOG_CHARACTERS = 4_000


class RunInProgress(RuntimeError):
    """Another training run is open; there is only one at a time."""

    def __init__(self, run: TrainingRun | None):
        super().__init__(f"{run or 'Another training'} is in progress. Wait for it, or cancel it.")


class NotResumable(ValueError):
    """The run neither failed nor was cancelled."""


class Cancelled(Exception):
    """Somebody wants this training to end."""


def create(name: str, *, plan: dict, start=None, by=None) -> TrainingRun:
    """Note the wish for a training. Raises RunInProgress."""
    fail_lost()
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(name=name, plan=plan, start=start, started_by=by)
    except IntegrityError as error:
        raise RunInProgress(in_progress()) from error


def in_progress() -> TrainingRun | None:
    """The run that waits or runs, if one does."""
    return TrainingRun.objects.filter(state__in=TrainingRun.OPEN).first()


def claim(run: TrainingRun) -> bool:
    """Mark a run as this process's; False when it was ended before it began."""
    now = timezone.now()
    return bool(
        TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.OPEN).update(
            state=State.RUNNING,
            started_at=run.started_at or now,
            heard_at=now,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
    )


def end(run: TrainingRun, state: str, reason: str = "") -> None:
    """Close a run, unless it is closed already."""
    TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.OPEN).update(
        state=state, reason=reason, finished_at=timezone.now()
    )


def fail(run: TrainingRun, reason: str) -> None:
    """Close a run that went wrong."""
    end(run, State.FAILED, reason)


def cancel(run: TrainingRun) -> None:
    """End a run: one that waits at once, one that runs as soon as it notices."""
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested=True)
    if TrainingRun.objects.filter(pk=run.pk, state=State.WAITING).exists():
        end(run, State.CANCELLED, "Cancelled before it began.")


def reopen(run: TrainingRun) -> TrainingRun:
    """Let a run that failed or was cancelled wait again, to go on where it stopped.

    Raises NotResumable and RunInProgress.
    """
    fail_lost()
    fields = {"state": State.WAITING, "reason": "", "cancel_requested": False}
    fields |= {
        "finished_at": None,
        "task_id": "",
        "pid": None,
        "plan": {**run.plan, "resume": True},
    }
    again = TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.RESUMABLE)
    try:
        with transaction.atomic():
            if not again.update(**fields, created_at=timezone.now()):
                raise NotResumable(f"{run} is {run.get_state_display()}: nothing to resume.")
    except IntegrityError as error:
        raise RunInProgress(in_progress()) from error
    run.refresh_from_db()
    return run


def fail_lost() -> None:
    """Close the run of a process that died without a word. Whoever looks at runs calls this."""
    run = in_progress()
    if run:
        reason = _why_lost(run)
        if reason:
            fail(run, reason)


def _why_lost(run: TrainingRun) -> str:
    now = timezone.now()
    if run.state == State.WAITING:
        overdue = now > run.created_at + LOST_AFTER
        return "The worker that took it never began it." if overdue and was_taken(run) else ""
    if run.host == socket.gethostname() and not _is_alive(run.pid):
        return f"The process that trained it, {run.pid} on {run.host}, is gone: killed, or crashed."
    if now > run.heard_at + LOST_AFTER:
        return f"Nothing was heard of it since {run.heard_at:%Y-%m-%d %H:%M:%S} UTC ({run.host})."
    return ""


def was_taken(run) -> bool:
    """Whether a worker took the task of a run, a batch or a replay that still waits."""
    try:
        return default_task_backend.get_result(run.task_id).status != TaskResultStatus.READY
    except TaskResultDoesNotExist:
        return True


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


def at_intervals(ask: Callable[[], object]) -> Callable[[], None]:
    """A function that may be called as often as one likes, and asks every ASK_EVERY_S."""
    asked_at = time.monotonic()

    def ask_if_due() -> None:
        nonlocal asked_at
        if time.monotonic() >= asked_at + ASK_EVERY_S:
            ask()
            asked_at = time.monotonic()

    return ask_if_due


class Watch:
    """Writes a run's progress to its row once a second, from a thread of its own.

    The thread also notices that the run is to be cancelled, and ends the process when its
    parent is gone (`attached`): a training without its worker would be nobody's.
    """

    def __init__(self, run: TrainingRun, attached: bool = False):
        self.run, self.parent = run, os.getppid() if attached else None
        self.progress: dict = dict(run.progress)
        self.lines: list[str] = run.log.splitlines()
        self.cancelled = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="watch-training", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self._write()

    def say(self, line: str) -> None:
        """Add a line to the run's log."""
        self.lines.append(f"{timezone.now():%H:%M:%S} {line}")

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled when somebody wants it."""
        if self.cancelled.is_set():
            raise Cancelled

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                if self.parent and os.getppid() != self.parent:
                    fail(self.run, "The worker that trained it was stopped or killed.")
                    os._exit(1)
                self._write()
            except DatabaseError:  # locked, or away for a moment: try again
                connection.close()
        connection.close()

    def _write(self) -> None:
        row = TrainingRun.objects.filter(pk=self.run.pk)
        row.update(
            progress=dict(self.progress),
            log="\n".join(self.lines)[-LOG_CHARACTERS:],
            heard_at=timezone.now(),
        )
        state, wanted = row.values_list("state", "cancel_requested").get()
        if wanted or state != State.RUNNING:
            self.cancelled.set()


class Eta:
    """Seconds left, from what the part done so far took."""

    def __init__(self):
        self._first: tuple[float, float] | None = None

    def __call__(self, part: float) -> float | None:
        """Takes the part that is done, 0-1; None until there is something to go by."""
        now = time.monotonic()
        if self._first is None:
            self._first = part, now
        done, since = self._first
        return round((now - since) * (1 - part) / (part - done)) if part > done else None
