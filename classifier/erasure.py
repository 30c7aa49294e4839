"""Erasing uploads: what was sent goes for good, and what was answered is still counted."""

import logging
from collections.abc import Iterable, Iterator
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from .models import Prediction, ReviewClaim

logger = logging.getLogger(__name__)

BATCH = 500  # rows of one transaction, so that uploads never wait for long
NOTHING = {
    "upload": "",
    "original_name": "",
    "request_id": "",
    "sha256": b"",
    "pixels_zlib": b"",
}


def erase(predictions: QuerySet[Prediction]) -> int:
    """Remove the files of these rows and all that the rows tell of them; returns how many.

    The digit, the confidence, the status, the version, the label and the time stay, for the
    statistics. What was erased before is not counted again.
    """
    return sum(in_batches(predictions))


def in_batches(predictions: QuerySet[Prediction]) -> Iterator[int]:
    """The same step by step; gives how many each batch was."""
    for keys in predictions.filter(erased_at=None).keys_in_batches(BATCH):
        yield _erase(keys)


def _erase(keys: list[int]) -> int:
    with transaction.atomic():
        rows = Prediction.objects.select_for_update().filter(pk__in=keys, erased_at=None)
        paths = list(rows.order_by("pk").values_list("upload", flat=True))
        rows.update(erased_at=timezone.now(), **NOTHING)
        ReviewClaim.objects.filter(prediction__in=keys).delete()
        transaction.on_commit(partial(delete_files, paths))
    return len(paths)


def delete_files(paths: Iterable[str]) -> None:
    """Delete files that no row names any more; one that cannot be is left to `prune_media`."""
    for path in paths:
        try:
            default_storage.delete(path)
        except Exception as error:  # storages share no base of their errors
            logger.error("%s could not be deleted: %s", path, error)
