"""Batches: a ZIP is taken, read in the background some pictures at a time, and told as a file.

Each step is one transaction: the uploads, their answers and the progress. So a worker may be
killed at any moment, and another goes on after the last step.
"""

import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from . import archive, bulk, runs
from .bulk import Upload
from .inference import InvalidImage
from .models import Batch, BatchAnswer, ModelVersion

State = Batch.State
STEP_PICTURES = 16
STEP_BYTES = 32 * 1024 * 1024
LOST_AFTER = timedelta(seconds=90)  # without a sign of life, its worker is gone
LOST = "Its worker was stopped or killed. What was read is kept; resume it to read the rest."
FOLDER = "batches"  # in the default storage


class NotResumable(ValueError):
    """The batch did not fail."""


class Superseded(Exception):
    """A batch was cancelled meanwhile, or another worker goes on with it."""


def begin(content: bytes, *, version: ModelVersion | None = None, **facts) -> Batch:
    """Take a ZIP, to be read by a worker. Raises InvalidArchive and OSError."""
    total = archive.check(content)
    path = default_storage.save(f"{FOLDER}/{uuid.uuid4().hex}.zip", ContentFile(content))
    try:
        return Batch.objects.create(archive=path, total=total, version=version, **facts)
    except BaseException:
        default_storage.delete(path)
        raise


def claim(batch: Batch) -> bool:
    """Begin or go on with a batch that waits; False when another does, or it was cancelled."""
    waiting = Batch.objects.filter(pk=batch.pk, state=State.WAITING)
    changed = waiting.update(state=State.RUNNING, attempt=F("attempt") + 1, heard_at=timezone.now())
    batch.refresh_from_db()
    return bool(changed)


def run(batch: Batch) -> None:
    """Read what is left of a batch that this process claimed; its row tells how that went."""
    still_mine = runs.at_intervals(lambda: _update(batch))
    try:
        with batch.archive.open() as file, zipfile.ZipFile(file) as opened:
            for uploads in _steps(opened, batch.done + batch.failed):
                _answer(batch, uploads, still_mine)
        _end(batch, State.DONE)
    except Superseded:
        return
    except BaseException as error:
        _end(batch, State.FAILED, str(error) or type(error).__name__)
        raise


def _steps(opened: zipfile.ZipFile, first: int) -> Iterator[list[Upload]]:
    """The pictures from the first one on that has no answer, some at a time."""
    step, held = [], 0
    for entry in archive.entries(opened)[first:]:
        upload = archive.read(opened, entry)
        step.append(upload)
        held += len(upload.content) if isinstance(upload.content, bytes) else 0
        if len(step) >= STEP_PICTURES or held >= STEP_BYTES:
            yield step
            step, held = [], 0
    if step:
        yield step


def _answer(batch: Batch, uploads: list[Upload], still_mine: Callable[[], None]) -> None:
    """Read, keep and note some pictures. Raises Superseded, and then keeps none of them."""
    first, name = batch.done + batch.failed, batch.version.name if batch.version else ""
    facts = {"request_id": batch.request_id, "key": batch.key}
    with bulk.answering(uploads, version=name, before_each=still_mine, **facts) as results:
        answers = [
            _row(batch, first + place, upload, result)
            for place, (upload, result) in enumerate(zip(uploads, results, strict=True))
        ]
        refused = sum(answer.prediction is None for answer in answers)
        done, failed = batch.done + len(answers) - refused, batch.failed + refused
        _update(batch, done=done, failed=failed)
        BatchAnswer.objects.bulk_create(answers)
    batch.done, batch.failed = done, failed


def _row(batch: Batch, index: int, upload: Upload, result) -> BatchAnswer:
    if isinstance(result, InvalidImage):
        told = {"name": upload.name[:255], "code": result.code, "detail": result.detail[:255]}
        return BatchAnswer(batch=batch, index=index, **told)
    return BatchAnswer(batch=batch, index=index, prediction=result)


def _update(batch: Batch, **fields) -> None:
    """Write to a batch as long as it is this process's. Raises Superseded."""
    mine = Batch.objects.filter(pk=batch.pk, state=State.RUNNING, attempt=batch.attempt)
    if not mine.update(heard_at=timezone.now(), **fields):
        raise Superseded


def _end(batch: Batch, state: str, reason: str = "") -> None:
    with transaction.atomic():
        _update(batch, state=state, reason=reason, finished_at=timezone.now())
        if state == State.DONE:
            _drop_archive(batch)


def _drop_archive(batch: Batch) -> None:
    """Delete a ZIP that is read: its pictures are in the history, where they can be erased."""
    Batch.objects.filter(pk=batch.pk).update(archive="")
    transaction.on_commit(lambda: default_storage.delete(batch.archive.name))


def fail(batch: Batch, reason: str) -> None:
    """Close an open batch that cannot go on."""
    Batch.objects.filter(pk=batch.pk, state__in=Batch.OPEN).update(
        state=State.FAILED, reason=reason, finished_at=timezone.now()
    )


def cancel(batch: Batch) -> None:
    """End a batch for good; what was read stays in the history."""
    with transaction.atomic():
        ended = Batch.objects.filter(pk=batch.pk, state__in=(*Batch.OPEN, State.FAILED))
        if ended.update(state=State.CANCELLED, finished_at=timezone.now()):
            _drop_archive(batch)


def reopen(batch: Batch) -> None:
    """Let a batch that failed wait again, to go on after its last step. Raises NotResumable."""
    failed = Batch.objects.filter(pk=batch.pk, state=State.FAILED)
    fields = {"state": State.WAITING, "reason": "", "finished_at": None, "task_id": ""}
    if not failed.update(heard_at=timezone.now(), **fields):
        raise NotResumable(f"{batch} is {batch.get_state_display()}: nothing to resume.")
    batch.refresh_from_db()


def fail_lost() -> None:
    """Close batches whose worker died without a word. Whoever looks at batches calls this."""
    quiet = Batch.objects.filter(state__in=Batch.OPEN, heard_at__lt=timezone.now() - LOST_AFTER)
    for batch in quiet:
        if batch.state == State.RUNNING or runs.was_taken(batch):
            fail(batch, LOST)
