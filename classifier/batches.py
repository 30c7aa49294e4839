"""Batches: a ZIP is taken, read in the background some pictures at a time, and told as a file.

Each step is one transaction: the uploads, their answers and the progress. So a worker may be
killed at any moment, and another goes on after the last step.
"""

import uuid
import zipfile
from collections.abc import Callable, Iterator

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from . import archive, bulk, jobs
from .bulk import Upload
from .inference import InvalidImage
from .models import Batch, BatchAnswer, ModelVersion

STEP_PICTURES = 16
STEP_BYTES = 32 * 1024 * 1024
FOLDER = "batches"  # in the default storage


def begin(content: bytes, *, version: ModelVersion | None = None, **facts) -> Batch:
    """Take a ZIP, to be read by a worker. Raises InvalidArchive and OSError."""
    total = archive.check(content)
    path = default_storage.save(f"{FOLDER}/{uuid.uuid4().hex}.zip", ContentFile(content))
    try:
        return Batch.objects.create(archive=path, total=total, version=version, **facts)
    except BaseException:
        default_storage.delete(path)
        raise


def run(batch: Batch) -> None:
    """Read what is left of a batch that this process claimed; its row tells how that went."""
    beat = jobs.at_intervals(lambda: jobs.heartbeat(batch))
    try:
        with batch.archive.open() as file, zipfile.ZipFile(file) as opened:
            for uploads in _steps(opened, batch.done + batch.failed):
                _answer(batch, uploads, beat)
        with transaction.atomic():
            jobs.finish(batch)
            _drop_archive(batch)
    except jobs.Superseded:
        return
    except BaseException as error:
        jobs.fail(batch, str(error) or type(error).__name__)
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


def _answer(batch: Batch, uploads: list[Upload], beat: Callable[[], None]) -> None:
    """Read, keep and note some pictures. Raises Superseded, and then keeps none of them."""
    first, name = batch.done + batch.failed, batch.version.name if batch.version else ""
    facts = {"request_id": batch.request_id, "key": batch.key}
    with bulk.answering(uploads, version=name, before_each=beat, **facts) as results:
        answers = [
            _row(batch, first + place, upload, result)
            for place, (upload, result) in enumerate(zip(uploads, results, strict=True))
        ]
        refused = sum(answer.prediction is None for answer in answers)
        done, failed = batch.done + len(answers) - refused, batch.failed + refused
        jobs.heartbeat(batch, done=done, failed=failed)
        BatchAnswer.objects.bulk_create(answers)
    batch.done, batch.failed = done, failed


def _row(batch: Batch, index: int, upload: Upload, result) -> BatchAnswer:
    if isinstance(result, InvalidImage):
        told = {"name": upload.name[:255], "code": result.code, "detail": result.detail[:255]}
        return BatchAnswer(batch=batch, index=index, **told)
    return BatchAnswer(batch=batch, index=index, prediction=result)


def _drop_archive(batch: Batch) -> None:
    """Delete a ZIP that is read: its pictures are in the history, where they can be erased."""
    Batch.objects.filter(pk=batch.pk).update(archive="")
    transaction.on_commit(lambda: default_storage.delete(batch.archive.name))


def cancel(batch: Batch) -> None:
    """End a batch for good; what was read stays in the history."""
    with transaction.atomic():
        if jobs.cancel(batch):
            _drop_archive(batch)
