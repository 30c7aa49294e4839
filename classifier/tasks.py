"""What is done in the background, by `manage.py work`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django_tasks import TaskResultStatus, task

from . import batches, replay, runs
from .models import Batch, Replay, TrainingRun

LOOK_EVERY_S = 0.5
PATIENCE_S = 15.0  # with a cancelled training, before it is killed
OUTPUT_CHARACTERS = 2_000


def waiting_count() -> int | None:
    """How many tasks no worker has begun; None when what holds the queue does not answer."""
    if not settings.TASKS_REDIS_URL:
        from django_tasks_db.models import DBTaskResult

        return DBTaskResult.objects.filter(status=TaskResultStatus.READY).count()
    import django_rq
    from redis import RedisError

    with contextlib.suppress(RedisError):
        return django_rq.get_queue("default").count


def send(run: TrainingRun) -> None:
    """Hand a run to a worker, once its row is committed."""
    hand_over(run, train, runs.fail)


def send_replay(found: Replay) -> None:
    """Hand a replay to a worker, once its row is committed."""
    hand_over(found, answer_again, replay.fail)


def send_batch(batch: Batch) -> None:
    """Hand a batch to a worker, once its row is committed."""
    hand_over(batch, read_batch, batches.fail)


def hand_over(row, work, fail: Callable) -> None:
    """Queue the task that does a row's work; a queue that is away fails the row, and says so."""

    def enqueue():
        try:
            sent = work.enqueue(row.pk)
        except Exception as error:  # Redis away, or whatever holds the queue
            fail(row, f"It could not be handed to a worker: {error}")
        else:
            type(row).objects.filter(pk=row.pk).update(task_id=str(sent.id))

    transaction.on_commit(enqueue)


@task
def read_batch(batch_id: int) -> None:
    """Read a batch to its end."""
    batch = Batch.objects.get(pk=batch_id)
    if batches.claim(batch):
        batches.run(batch)


@task
def answer_again(replay_id: int) -> None:
    """Run a replay to its end."""
    for _ in replay.run(Replay.objects.get(pk=replay_id)):
        pass  # it keeps its progress itself


@task
def train(run_id: int) -> None:
    """Train in a process of its own, so that the worker stays small, and see it to its end."""
    run = TrainingRun.objects.get(pk=run_id)
    if not runs.claim(run):
        return  # cancelled while it waited
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [sys.executable, "manage.py", "train_model", "--run", str(run_id)],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            wait(run, child)
        except BaseException:  # the worker is being stopped
            child.kill()
            child.wait()
            runs.fail(run, "The worker was stopped.")
            raise
        output.seek(0)
        conclude(run, child, output.read()[-OUTPUT_CHARACTERS:])


def wait(run: TrainingRun, child: subprocess.Popen) -> None:
    """Wait until a training ends; kill it when it does not heed that it was cancelled."""
    asked_at = None
    while child.poll() is None:
        time.sleep(LOOK_EVERY_S)
        if asked_at is None:
            wanted = TrainingRun.objects.filter(pk=run.pk, cancel_requested=True).exists()
            asked_at = time.monotonic() if wanted else None
        elif time.monotonic() > asked_at + PATIENCE_S:
            child.kill()


def conclude(run: TrainingRun, child: subprocess.Popen, output: str) -> None:
    """Close a run whose process ended without closing it."""
    run.refresh_from_db()
    if not run.is_open or run.pid not in (child.pid, os.getpid()):
        return  # it was closed, and perhaps resumed since
    if run.cancel_requested:
        runs.end(run, runs.State.CANCELLED, "Cancelled.")
        return
    code = child.returncode
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    runs.fail(run, f"The process that trained it {how}.")
    TrainingRun.objects.filter(pk=run.pk).update(
        log=f"{run.log}\n{output}"[-runs.LOG_CHARACTERS :].strip()
    )
