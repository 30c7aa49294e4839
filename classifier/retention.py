"""Retention: uploads go when their time is over.

A key's `retention_days` is a promise to its owner: what was sent is erased then, and still
counted. `MNIST_RETENTION_DAYS` is what the site has room for: after it whole rows go, with
what people said of them, or ten million old ones would make each backup and index larger.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from . import erasure
from .models import ApiKey, Batch, Prediction

BATCH = 100  # rows of one transaction: uploads wait 13 ms for it, measured on SQLite


class Rule(NamedTuple):
    """What is over its time, and what is done with it, some at a time."""

    whose: str
    verb: str
    rows: QuerySet
    apply: Callable[[QuerySet], Iterator[int]]


def rules() -> list[Rule]:
    """What has to go by now: by the site's retention first, then by each key's own."""
    found = []
    if settings.MNIST_RETENTION_DAYS:
        days = settings.MNIST_RETENTION_DAYS
        found.append(
            Rule(f"Uploads of more than {days} days ago", "deleted", _before(days), delete)
        )
        batches = Batch.objects.filter(created_at__lt=_days_ago(days)).exclude(state__in=Batch.OPEN)
        found.append(Rule("Batches of then", "deleted", batches, delete_batches))
    for key in ApiKey.objects.filter(retention_days__isnull=False).order_by("pk"):
        rows = _before(key.retention_days).filter(key=key, erased_at=None)
        found.append(Rule(f"Uploads of {key}", "erased", rows, erasure.in_batches))
    return found


def _before(days: int) -> QuerySet[Prediction]:
    return Prediction.objects.filter(created_at__lt=_days_ago(days))


def _days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days)


def delete(predictions: QuerySet[Prediction]) -> Iterator[int]:
    """Delete rows, their files and all that hangs on them, oldest first; gives each batch's size.

    Between two batches it rests as long as one took: half of the time is the uploads'. What it
    waited for them to let it begin does not count, or among many it would hardly ever work.
    """
    oldest = predictions.order_by("created_at")
    rows = list(oldest.values_list("pk", "created_at")[:BATCH])
    while rows:
        size, took_s = _delete([pk for pk, _ in rows])
        yield size
        time.sleep(min(took_s, 1))
        # From where it was: what is deleted stays in an index for a while, to be skipped.
        rest = oldest.filter(created_at__gte=rows[-1][1])
        rows = list(rest.values_list("pk", "created_at")[:BATCH])


def _delete(keys: list[int]) -> tuple[int, float]:
    """How many it were, and the seconds that it took from when the database let it write."""
    with transaction.atomic():
        started = time.monotonic()
        rows = Prediction.objects.select_for_update().filter(pk__in=keys).order_by("pk")
        paths = list(rows.values_list("upload", flat=True))
        Prediction.objects.filter(pk__in=keys).only("pk").delete()
        transaction.on_commit(partial(erasure.delete_files, filter(None, paths)))
    return len(paths), time.monotonic() - started


def delete_batches(batches: QuerySet[Batch]) -> Iterator[int]:
    """Delete batches, with the names of what was refused, and the ZIPs of those that failed."""
    for batch in batches.order_by("pk"):
        with transaction.atomic():
            batch.delete()
            transaction.on_commit(partial(erasure.delete_files, filter(None, [batch.archive.name])))
        yield 1
