"""What is done in the background, by `manage.py work`."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time

from django.conf import settings
from django.db import transaction
from django_tasks import TaskResultStatus, task

from . import batches, jobs, replay, runs
from .models import Batch, Job, Replay, TrainingRun

CHECK_INTERVAL_SECONDS = 0.5
CANCEL_TIMEOUT_SECONDS = 15.0  # for a cancelled training to end, before it is killed
OUTPUT_CHARACTERS = 2_000


def waiting_count() -> int | None:
    """How many tasks no worker has begun; None when what holds the queue does not answer."""
    if not settings.TASKS_REDIS_URL:
        from django_tasks_db.models import DBTaskResult

        return DBTaskResult.objects.filter(status=TaskResultStatus.READY).count()
    import django_rq
    from redis import RedisError

    with contextlib.suppress(RedisError):
        return sum(django_rq.get_queue(name).count for name in settings.TASK_QUEUES)


def send(job: Job) -> None:
    """Queue a job's task once its row is committed; a queue that is away fails the job."""

    def enqueue():
        work = {Batch: read_batch, Replay: answer_again, TrainingRun: train}[type(job)]
        try:
            sent = work.enqueue(job.pk)
        except Exception as error:  # Redis away, or whatever holds the queue
            jobs.fail(job, f"It could not be handed to a worker: {error}")
        else:
            type(job).objects.filter(pk=job.pk).update(task_id=str(sent.id))

    transaction.on_commit(enqueue)


@task
def read_batch(batch_id: int) -> None:
    """Read a batch to its end."""
    batch = Batch.objects.get(pk=batch_id)
    if jobs.claim(batch):
        batches.run(batch)


@task
def answer_again(replay_id: int) -> None:
    """Run a replay to its end."""
    found = Replay.objects.get(pk=replay_id)
    if jobs.claim(found):
        for _ in replay.run(found):
            pass  # it keeps its progress itself


@task(queue_name="training")
def train(run_id: int) -> None:
    """Train in a process of its own, so that the worker stays small, and see it to its end."""
    run = TrainingRun.objects.get(pk=run_id)
    if run.state != run.State.WAITING:
        return  # cancelled while it waited
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [sys.executable, "manage.py", "train_model", "--run", str(run_id)],
            cwd=settings.BASE_DIR,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            wait(run, child)
        except BaseException:  # the worker is being stopped
            child.kill()
            child.wait()
            jobs.fail(run, "The worker was stopped.")
            raise
        output.seek(0)
        conclude(run, child.returncode, output.read()[-OUTPUT_CHARACTERS:])


def environment() -> dict[str, str]:
    """The environment of a training: without what .env says, which it reads as it is by then."""
    stale = settings.MNIST_ENVIRONMENT_FROM_FILE
    return {name: value for name, value in os.environ.items() if name not in stale}


def wait(run: TrainingRun, child: subprocess.Popen) -> None:
    """Wait until a training ends; kill it when it does not heed that it was cancelled."""
    cancelled_at = None
    while True:
        try:
            child.wait(CHECK_INTERVAL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            if jobs.is_current(run):
                continue
        cancelled_at = cancelled_at or time.monotonic()
        if time.monotonic() > cancelled_at + CANCEL_TIMEOUT_SECONDS:
            child.kill()


def conclude(run: TrainingRun, code: int, output: str) -> None:
    """Close a run whose process ended without closing it."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    log = TrainingRun.objects.values_list("log", flat=True).get(pk=run.pk)
    log = f"{log}\n{output}"[-runs.LOG_CHARACTERS :].strip()
    jobs.fail(run, f"The process that trained it {how}.", log=log)
