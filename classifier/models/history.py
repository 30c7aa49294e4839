"""Uploads and what was said of them."""

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from django.db import models
from django.db.models import F, Q

from .access import ApiKey
from .versions import ModelVersion

PIXELS_SHAPE = (28, 28)
NOT_A_DIGIT = 10  # a label beside the digits, as the class of the network is
LABELS = [*((digit, str(digit)) for digit in range(10)), (NOT_A_DIGIT, "not a digit")]
WAITING = Q(label__isnull=True, erased_at__isnull=True)
UNCERTAIN = ~Q(reason="")
SURE = 0.95  # certain answers from this on wait for a review, too, but nobody gets to them soon
# Uncertain in other words than UNCERTAIN, so that the queue's index is never taken for a list by
# status: its page would sort them all, instead of walking a few rows.
DOUBTFUL = WAITING & (Q(reason__gt="") | Q(confidence__lt=SURE))
DISAGREES = Q(label__lt=F("digit")) | Q(label__gt=F("digit"))  # in words that an index can have


class PredictionQuerySet(models.QuerySet):
    """The questions that the list, the queue and the export ask alike."""

    STATUSES = ["certain", "uncertain", "low_confidence", "not_a_digit", "several_digits"]
    REVIEWS = ["waiting", "reviewed", "agrees", "disagrees"]

    def with_status(self, status: str):
        """Certain, uncertain, or uncertain for one reason."""
        if status == "certain":
            return self.filter(reason="")
        found = self.filter(UNCERTAIN)
        return found if status == "uncertain" else found.filter(reason=status)

    def with_review(self, review: str):
        """One of REVIEWS: not reviewed yet, reviewed, and with which outcome."""
        if review == "waiting":
            return self.filter(WAITING)
        if review == "disagrees":
            return self.filter(DISAGREES)
        reviewed = self.filter(label__isnull=False)
        return reviewed.filter(label=F("digit")) if review == "agrees" else reviewed

    def answered_by(self, version: int | None, by_time: bool = False):
        """By a version's key; for a list by time, in words that the version's index does not have.

        That index is in the key's order. SQLite would take it and sort.
        """
        if not by_time:
            return self.filter(version=version)
        return self.alias(found_version=F("version_id") + 0).filter(found_version=version)

    def uploaded(self, first: date | None, last: date | None):
        """From the first to the last day, both of UTC and both included; None: open."""
        start, end = (day and datetime.combine(day, time(), UTC) for day in (first, last))
        chosen = self.filter(created_at__gte=start) if start else self
        return chosen.filter(created_at__lt=end + timedelta(days=1)) if end else chosen

    def keys_in_batches(self, size: int) -> Iterator[list[int]]:
        """The keys of all rows, oldest first: each batch a query of its own, none a long one."""
        last, rows = 0, self.order_by("pk").values_list("pk", flat=True)
        while keys := list(rows.filter(pk__gt=last)[:size]):
            yield keys
            last = keys[-1]


class Prediction(models.Model):
    """An upload and what a version said of it. Evidence: never changed once it is recorded.

    `label` alone is not evidence: it repeats the latest of the row's corrections. A row that
    is erased keeps the answer and the label, and nothing of what was sent.
    """

    class Format(models.TextChoices):
        PNG = "PNG", "PNG"
        JPEG = "JPEG", "JPEG"
        WEBP = "WEBP", "WebP"
        BMP = "BMP", "BMP"

    class Reason(models.TextChoices):
        """Why an answer is uncertain; empty when it is certain."""

        NONE = "", "certain"
        LOW_CONFIDENCE = "low_confidence", "uncertain: low confidence"
        NOT_A_DIGIT = "not_a_digit", "uncertain: not a digit"
        SEVERAL_DIGITS = "several_digits", "uncertain: several digits"

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)  # filtered by day
    upload = models.FileField(max_length=64)
    sha256 = models.BinaryField("SHA-256 of the upload", max_length=32)
    size = models.PositiveIntegerField("bytes")
    format = models.CharField(max_length=4, choices=Format)
    original_name = models.CharField(max_length=255, blank=True)
    digit = models.PositiveSmallIntegerField()
    confidence = models.FloatField()
    probabilities_float32 = models.BinaryField(max_length=40)
    reason = models.CharField("status", max_length=14, choices=Reason, blank=True)
    pixels_zlib = models.BinaryField(max_length=1024)
    version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="predictions", db_index=False
    )
    duration_us = models.PositiveIntegerField("microseconds taken")
    request_id = models.CharField(max_length=64)
    # No index of its own: an upload without a key pays for none.
    key = models.ForeignKey(
        ApiKey, models.PROTECT, related_name="predictions", null=True, db_index=False
    )
    label = models.PositiveSmallIntegerField(choices=LABELS, null=True, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)  # there is no upload any more

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("review", "Can say what pictures show"),
            ("erase", "Can erase uploads for good"),
        ]
        indexes = [
            # Each upload pays for the key, the time and this one: what a version has answered,
            # newest first. Without the key in it PostgreSQL walks or sorts the whole history;
            # without the reason SQLite looks at 30,000 rows for a version's 500 uncertain ones.
            models.Index(fields=["version", "id", "reason"], name="answered_by"),
            # The queue's next picture: of each reason, the least confident that waits. Only of
            # what is doubtful: of all it took 20 us of each upload, the largest part by far.
            models.Index(
                fields=["reason", "confidence"], condition=DOUBTFUL, name="waiting_for_review"
            ),
            # The list by status: 1 or 2 in a hundred are uncertain, some reasons are rare.
            models.Index(fields=["id", "reason", "version"], condition=UNCERTAIN, name="uncertain"),
            # The list by review and by label, newest first: among ten million uploads a few
            # reviewed ones are found without a look at the others.
            models.Index(fields=["id"], condition=Q(label__isnull=False), name="reviewed"),
            models.Index(fields=["id"], condition=DISAGREES, name="disagreements"),
            models.Index(
                fields=["label", "id"], condition=Q(label__isnull=False), name="reviewed_by_label"
            ),
            # What a key has uploaded.
            models.Index(
                fields=["key", "id"], condition=Q(key__isnull=False), name="uploaded_by_key"
            ),
            # The statistics of a period.
            models.Index(
                fields=["created_at"], condition=Q(label__isnull=False), name="reviewed_by_day"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(label__range=(0, NOT_A_DIGIT)), name="label_is_0_to_10"
            ),
            models.CheckConstraint(condition=Q(digit__range=(0, 9)), name="digit_is_0_to_9"),
            models.CheckConstraint(
                condition=Q(confidence__range=(0, 1)), name="confidence_is_0_to_1"
            ),
            models.CheckConstraint(
                condition=(Q(erased_at__isnull=True) & ~Q(upload=""))
                | Q(erased_at__isnull=False, upload="", original_name="", request_id=""),
                name="erased_rows_name_nothing",
            ),
        ]

    def __str__(self):
        return f"Upload {self.pk}, read as {self.digit}"

    @property
    def status(self) -> str:
        return "uncertain" if self.reason else "certain"

    @property
    def probabilities(self) -> np.ndarray:
        """The ten probabilities, (10,) float32."""
        return np.frombuffer(bytes(self.probabilities_float32), np.float32)

    @property
    def pixels(self) -> np.ndarray:
        """What the network saw, (28, 28) uint8; an erased row has none: ask `erased_at` first."""
        raw = zlib.decompress(bytes(self.pixels_zlib))
        return np.frombuffer(raw, np.uint8).reshape(PIXELS_SHAPE)

    @property
    def sha256_hex(self) -> str:
        return bytes(self.sha256).hex()
