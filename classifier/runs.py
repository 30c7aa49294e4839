"""Training runs: one at a time, each with its progress and its log."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from . import jobs, registry
from .models import TrainingRun

BEAT_SECONDS = 1.0  # between the heartbeats of a training
LOG_CHARACTERS = 4_000


class RunInProgress(RuntimeError):
    """Another training run is open; there is only one at a time."""

    def __init__(self, run: TrainingRun | None):
        super().__init__(f"{run or 'Another training'} is in progress. Wait for it, or cancel it.")


def create(name: str, *, plan: dict, start=None, by=None) -> TrainingRun:
    """Add a run that waits to be claimed. Raises RunInProgress."""
    jobs.fail_stale(TrainingRun)
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(name=name, plan=plan, start=start, started_by=by)
    except IntegrityError as error:
        raise RunInProgress(in_progress()) from error


def in_progress() -> TrainingRun | None:
    """The run that waits or runs, if one does."""
    return TrainingRun.objects.filter(state__in=TrainingRun.OPEN).first()


def resume(run: TrainingRun, data: str = "") -> TrainingRun:
    """Let a run that failed or was cancelled go on, with another file of MNIST if one is given.

    Raises NotResumable and RunInProgress.
    """
    plan = {**run.plan, "resume": True, "data": data or run.plan.get("data", "")}
    try:
        with transaction.atomic():
            jobs.resume(run, plan=plan)
    except IntegrityError as error:
        raise RunInProgress(in_progress()) from error
    return run


def state_path(run: TrainingRun) -> Path:
    """Where `ml.progress.State` keeps what an unfinished training has done."""
    return registry.training_directory() / f"{run.name}.training" / "progress.json"


def what_is_repeated(run: TrainingRun) -> str:
    """How an unfinished training goes on: which epochs are kept, its teacher's among them."""
    path, epochs = state_path(run), epochs_of(run)
    records = [path, path.parent / "teacher" / path.name]
    kept = sum(len(json.loads(each.read_text())["epochs"]) for each in records if each.exists())
    if kept == epochs:
        return f"all {epochs} epochs are kept, what follows them is repeated"
    text = f"{kept} of {epochs} epochs are kept" if kept else "no epoch was finished"
    return f"{text}, epoch {kept + 1} is repeated from its beginning"


def epochs_of(run: TrainingRun) -> int:
    """The epochs of a training and of the teacher that it trains first."""
    return run.plan["teacher_epochs"] + run.plan["epochs"]


class Watch:
    """Writes a claimed run's progress to its row once a second, from a thread of its own.

    The thread also notices that the run was cancelled. With `echo`, lines of the log are printed.
    """

    def __init__(self, run: TrainingRun, echo: bool = False):
        self.run, self.echo = run, echo
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

    def enter(self, stage: str) -> None:
        """Show what is done now, outside of the epochs."""
        self.progress = {**self.progress, "stage": stage, "seconds_left": None}
        self.say(f"{stage[0].upper()}{stage[1:]}.")

    def say(self, line: str) -> None:
        """Add a line to the run's log."""
        self.log(line)
        if self.echo:
            print(line, flush=True)

    def log(self, line: str) -> None:
        """Add a line to the run's log, of what Keras prints itself."""
        self.lines.append(f"{timezone.now():%H:%M:%S} {line}")

    def stop_if_cancelled(self) -> None:
        """Raises Superseded when the run was cancelled."""
        if self.cancelled.is_set():
            raise jobs.Superseded

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                self._write()
            except DatabaseError:  # locked, or away for a moment: try again
                connection.close()
        connection.close()

    def _write(self) -> None:
        log = "\n".join(self.lines)[-LOG_CHARACTERS:]
        try:
            jobs.heartbeat(self.run, progress=dict(self.progress), log=log)
        except jobs.Superseded:
            self.cancelled.set()


class Eta:
    """Seconds of training left, from what the part done so far took."""

    def __init__(self):
        self._first: tuple[float, float] | None = None

    def __call__(self, part: float) -> float | None:
        """Takes the part that is done, 0-1. None at its two ends, where nothing can be said."""
        now = time.monotonic()
        if self._first is None:
            self._first = part, now
        done, since = self._first
        return round((now - since) * (1 - part) / (part - done)) or None if part > done else None


def reporter(run: TrainingRun, watch: Watch) -> Callable:
    """Takes each `ml.progress.Step`, and raises Superseded when the training is to end."""
    eta, epochs = Eta(), epochs_of(run)

    def report(step):
        watch.stop_if_cancelled()
        if step.loss is None:
            watch.enter(step.stage)
            return
        done = (step.epoch - 1 + step.part) / epochs
        watch.progress = {
            "epoch": step.epoch,
            "epochs": epochs,
            "part": round(done, 4),
            "loss": round(step.loss, 5),
            "seconds_left": eta(done),
            "stage": step.stage,
        }
        if step.validation_accuracy is not None:
            watch.log(
                f"Epoch {step.epoch} of {epochs}: loss {step.loss:.4f}, "
                f"{step.validation_accuracy:.2%} of the validation images right."
            )

    return report
