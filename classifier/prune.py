"""What a crash or a kill leaves in storage: files without rows, and rows without files.

Nothing younger than an hour is touched: it may be half of something that is going on. Of an
unfinished backup a lock says whether it goes on.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Max, Min
from django.utils import timezone

from . import backup_folder, batches, registry
from .models import Batch, ModelVersion, Prediction, TrainingRun
from .storage import is_local, list_folder

AGE = timedelta(hours=1)
RESUMABLE = timedelta(days=30)  # a training that ended earlier is not going to be resumed
CHUNK = 10_000  # paths asked for in one query that reads all rows; SQLite takes 32,766 values
MODEL_FILES = (".keras", ".tflite", ".report.html")


class Leftover(NamedTuple):
    """Something that nothing points at: what it is, where, and how it is removed."""

    kind: str
    path: str
    remove: Callable[[], None]


def leftovers() -> Iterator[Leftover]:
    """All files and folders that nothing points at."""
    yield from uploads_without_rows()
    yield from archives_of_no_batch()
    yield from files_of_no_version()
    if not is_local():
        yield from copies_of_idle_versions()
    yield from abandoned_trainings()
    yield from unfinished_backups()


def _stored(path: str, kind: str) -> Leftover:
    kind = "unfinished file" if path.endswith(".partial") else kind
    return Leftover(kind, path, partial(default_storage.delete, path))


# Uploads and their rows, a day at a time


def uploads_without_rows() -> Iterator[Leftover]:
    """Files below `uploads/` that no row names."""
    for day in _days_in_storage():
        there = _listed(day)
        strangers = sorted(there - _named(day))
        for start in range(0, len(strangers), CHUNK):
            chunk = [path for path in strangers[start : start + CHUNK] if _is_old(path)]
            # Rows of this day were left out above. A clock that was set may have put the row of
            # a file on another day: before anything is deleted, all rows are asked.
            kept = set(Prediction.objects.filter(upload__in=chunk).values_list("upload", flat=True))
            yield from (_stored(path, "file without a row") for path in chunk if path not in kept)


def rows_without_files() -> Iterator[int]:
    """The ids of uploads that are not erased and whose files are not there."""
    ends = Prediction.objects.aggregate(first=Min("created_at"), last=Max("created_at"))
    if ends["first"] is None:
        return
    rows = Prediction.objects.filter(erased_at=None, created_at__lt=timezone.now() - AGE)
    day = ends["first"].date()
    while day <= ends["last"].date():
        todays = rows.uploaded(day, day).values_list("pk", "upload")
        there = _listed(day - timedelta(1)) | _listed(day) if todays.exists() else set()
        lost = [(pk, path) for pk, path in todays.iterator() if path not in there]
        yield from (pk for pk, path in lost if not default_storage.exists(path))
        day += timedelta(1)


def _days_in_storage(path: str = "uploads", depth: int = 3) -> Iterator[date]:
    """The days that have a folder: uploads/YYYY/MM/DD."""
    if depth == 0:
        yield datetime.strptime(path, "uploads/%Y/%m/%d").date()
        return
    for name in list_folder(path)[0]:
        if name.isdecimal():
            yield from _days_in_storage(f"{path}/{name}", depth - 1)


def _listed(day: date) -> set[str]:
    """The paths of the files in a day's folder."""
    folder = f"uploads/{day:%Y/%m/%d}"
    return {f"{folder}/{name}" for name in list_folder(folder)[1]}


def _named(day: date) -> set[str]:
    """The paths that rows of about this day name: a file is written before its row."""
    rows = Prediction.objects.order_by().uploaded(day - timedelta(1), day + timedelta(1))
    return set(rows.values_list("upload", flat=True).iterator())


def _is_old(path: str) -> bool:
    try:
        return default_storage.get_modified_time(path) < timezone.now() - AGE
    except Exception:  # gone meanwhile; storages share no base of their errors
        return False


# Batches, versions and trainings


def archives_of_no_batch() -> Iterator[Leftover]:
    """ZIPs that were stored and whose batch was not, or that outlived it."""
    kept = set(Batch.objects.exclude(archive="").values_list("archive", flat=True))
    for name in list_folder(batches.FOLDER)[1]:
        path = f"{batches.FOLDER}/{name}"
        if path not in kept and name.endswith((".zip", ".partial")) and _is_old(path):
            yield _stored(path, "archive of no batch")


def files_of_no_version() -> Iterator[Leftover]:
    """Networks and reports in storage that no version has: left by a killed registration."""
    names = set(ModelVersion.objects.values_list("name", flat=True))
    for name in list_folder(registry.FOLDER)[1]:
        path, version = f"{registry.FOLDER}/{name}", _version_of(name)
        if (name.endswith(".partial") or (version and version not in names)) and _is_old(path):
            yield _stored(path, "file of no version")


def copies_of_idle_versions() -> Iterator[Leftover]:
    """Copies from a storage elsewhere; whoever needs one again fetches it again."""
    active = registry.active_if_any()
    for path in _old_files(Path(settings.MNIST_MODEL_CACHE).glob("*")):
        idle = _version_of(path.name) and _version_of(path.name) != getattr(active, "name", "")
        if idle or path.suffix == ".partial":
            yield Leftover("local copy", str(path), path.unlink)


def _version_of(name: str) -> str:
    """The version whose file this is; empty when it is none of ours."""
    return next((name.removesuffix(end) for end in MODEL_FILES if name.endswith(end)), "")


def abandoned_trainings() -> Iterator[Leftover]:
    """What trainings left on this machine and nobody can or will go on with."""
    runs = TrainingRun.objects.exclude(state=TrainingRun.State.DONE)
    wanted = runs.exclude(finished_at__lt=timezone.now() - RESUMABLE)
    names = set(wanted.values_list("name", flat=True))
    for path in registry.training_directory().glob("*"):
        files = [path, *path.rglob("*")]
        if path.stem not in names and len(list(_old_files(files))) == len(files):
            remove = partial(shutil.rmtree, path) if path.is_dir() else path.unlink
            yield Leftover("abandoned training", str(path), remove)


def unfinished_backups() -> Iterator[Leftover]:
    """What a killed `backup` left, which may link to files that were erased since."""
    for path in backup_folder.abandoned():
        remove = partial(backup_folder.remove_abandoned, path)
        yield Leftover("unfinished backup", str(path), remove)


def _old_files(paths: Iterable[Path]) -> Iterator[Path]:
    limit = (timezone.now() - AGE).timestamp()
    return (path for path in paths if path.stat().st_mtime < limit)
