import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import F, Q

PIXELS_SHAPE = (28, 28)
NOT_A_DIGIT = 10  # a label beside the digits, as the class of the network is
LABELS = [*((digit, str(digit)) for digit in range(10)), (NOT_A_DIGIT, "not a digit")]
DISAGREES = Q(label__lt=F("digit")) | Q(label__gt=F("digit"))  # in words that an index can have


class ModelVersion(models.Model):
    """A trained network that the site knows by name.

    Its digests and facts are the row's: a file that is not the one that was registered is
    never loaded, whatever lies beside it.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", "candidate"  # trained or shipped, and never answered yet
        ACTIVE = "active", "active"
        RETIRED = "retired", "retired"

    name = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=9, choices=State, default=State.CANDIDATE)
    network = models.CharField(max_length=32)
    shipped = models.BooleanField("comes with the project", default=False)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, verbose_name="trained from"
    )
    training_run = models.OneToOneField(
        "TrainingRun", models.SET_NULL, null=True, blank=True, related_name="version"
    )
    keras_sha256 = models.CharField("SHA-256 of the network", max_length=64)
    tflite_sha256 = models.CharField("SHA-256 of its compilation", max_length=64, blank=True)
    metrics = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    gate = models.JSONField(null=True, blank=True)  # the last comparison, as gate.examine keeps it
    notes = models.TextField(blank=True)
    problem = models.TextField(blank=True)  # why a process could not load it; empty when all can
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("promote", "Can choose the version that answers"),
            ("overrule", "Can promote a version that the gate holds back"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="one_active_version"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["candidate", "active", "retired"]),
                name="version_state_is_known",
            ),
        ]

    def __str__(self):
        return self.name


class Promotion(models.Model):
    """That a version began to answer: which, instead of which, by whom. Only ever added."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="promotions")
    previous = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    promoted_at = models.DateTimeField(auto_now_add=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )  # nobody: the command line, or the site itself on its first start
    gate = models.JSONField(null=True, blank=True)  # what was compared; None for a roll-back
    overruled_because = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.version} instead of {self.previous}"


class TrainingRun(models.Model):
    """A training: from the wish for it to a version, or to the reason why there is none."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for a worker"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    OPEN = (State.WAITING, State.RUNNING)

    name = models.CharField("the version to be", max_length=64)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    plan = models.JSONField(default=dict)  # as classifier.runs.Plan
    start = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )  # the version it starts from; none: from random weights
    progress = models.JSONField(default=dict)  # as classifier.runs.Progress
    log = models.TextField(blank=True)  # its last lines
    reason = models.TextField("why it ended without a version", blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)  # the last sign of life
    finished_at = models.DateTimeField(null=True, blank=True)
    host = models.CharField(max_length=255, blank=True)
    pid = models.PositiveIntegerField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    task_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("train", "Can train versions")]
        constraints = [
            models.UniqueConstraint(
                models.Case(models.When(state__in=["waiting", "running"], then=models.Value(1))),
                name="one_open_training_run",
            )
        ]

    def __str__(self):
        return f"Training of {self.name}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class PredictionQuerySet(models.QuerySet):
    """The questions that the list, the queue and the export ask alike."""

    STATUSES = ["certain", "uncertain", "low_confidence", "not_a_digit", "several_digits"]
    REVIEWS = ["waiting", "reviewed", "agrees", "disagrees"]

    def with_status(self, status: str):
        """Certain, uncertain, or uncertain for one reason."""
        if status == "uncertain":
            return self.exclude(reason="")
        return self.filter(reason="" if status == "certain" else status)

    def with_review(self, review: str):
        """One of REVIEWS: not reviewed yet, reviewed, and with which outcome."""
        if review == "waiting":
            return self.filter(label__isnull=True)
        if review == "disagrees":
            return self.filter(DISAGREES)
        reviewed = self.filter(label__isnull=False)
        return reviewed.filter(label=F("digit")) if review == "agrees" else reviewed

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

    `label` alone is not evidence: it repeats the latest of the row's corrections.
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
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="predictions")
    duration_us = models.PositiveIntegerField("microseconds taken")
    request_id = models.CharField(max_length=64)
    label = models.PositiveSmallIntegerField(choices=LABELS, null=True, editable=False)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("review", "Can say what pictures show")]
        indexes = [
            # The queue's next picture: of each reason, the least confident that has no label.
            # Of these indexes it is the only one that an upload pays for.
            models.Index(
                fields=["reason", "confidence"],
                condition=Q(label__isnull=True),
                name="waiting_for_review",
            ),
            # The list by review and by label, newest first: among ten million uploads a few
            # reviewed ones are found without a look at the others.
            models.Index(fields=["id"], condition=Q(label__isnull=False), name="reviewed"),
            models.Index(fields=["id"], condition=DISAGREES, name="disagreements"),
            models.Index(
                fields=["label", "id"], condition=Q(label__isnull=False), name="reviewed_by_label"
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
        """What the network saw, (28, 28) uint8."""
        raw = zlib.decompress(bytes(self.pixels_zlib))
        return np.frombuffer(raw, np.uint8).reshape(PIXELS_SHAPE)

    @property
    def sha256_hex(self) -> str:
        return bytes(self.sha256).hex()


class AppendOnly(models.QuerySet):
    """Rows that are added and read, never changed and never deleted one by one."""

    def update(self, **fields):
        raise TypeError("A correction is never changed. Add another.")

    def delete(self):
        raise TypeError("A correction is never deleted. Add another.")


class Correction(models.Model):
    """What a person said a picture shows. Only ever added; the latest one counts.

    Confirming an answer is a correction to the same digit, and taking one back is a further
    row that restores what was before.
    """

    # They go only when the upload itself goes.
    prediction = models.ForeignKey(Prediction, models.CASCADE, related_name="corrections")
    # Who leaves is deactivated, not deleted. No index: nothing is looked up by person.
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    from_label = models.PositiveSmallIntegerField(
        "from", choices=LABELS
    )  # what counted before: the latest label, or else the digit that was read
    to_label = models.PositiveSmallIntegerField(
        "to", choices=LABELS, null=True
    )  # None: taken back, not reviewed again
    note = models.CharField(max_length=200, blank=True)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_label__range=(0, NOT_A_DIGIT))
                & (Q(to_label__isnull=True) | Q(to_label__range=(0, NOT_A_DIGIT))),
                name="labels_are_0_to_10",
            )
        ]

    def __str__(self):
        to = "not reviewed" if self.to_label is None else self.get_to_label_display()
        return f"{self.prediction_id}: {self.get_from_label_display()} to {to}"

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise TypeError("A correction is never changed. Add another.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TypeError("A correction is never deleted. Add another.")


class ReviewClaim(models.Model):
    """That a picture of the queue is in front of somebody, until a moment.

    A row of its own, so that no lock is held while a person looks and the evidence is not
    written to. There are only ever as many as pictures in all open queues.
    """

    prediction = models.OneToOneField(Prediction, models.CASCADE, related_name="claim")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    def __str__(self):
        return f"{self.prediction_id} is looked at by {self.reviewer}"


class Replay(models.Model):
    """A part of the history, answered again by another version, to see what would change."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for a worker"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="replays")
    filters = models.JSONField(default=dict)  # as classifier.replay.select takes them
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField("uploads", default=0)
    done = models.PositiveIntegerField("answered", default=0)
    differing = models.PositiveIntegerField("other digit", default=0)
    reason = models.TextField("why it failed", blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"Replay with {self.version}"


class ReplayAnswer(models.Model):
    """What a replay's version says of one upload, beside what was answered then."""

    replay = models.ForeignKey(Replay, models.CASCADE, related_name="answers")
    prediction = models.ForeignKey(Prediction, models.CASCADE, related_name="replay_answers")
    digit = models.PositiveSmallIntegerField(null=True)  # none: it would be refused today
    confidence = models.FloatField(null=True)
    reason = models.CharField("status", max_length=20, choices=Prediction.Reason, blank=True)
    differs = models.BooleanField("another digit")

    class Meta:
        ordering = ["prediction_id"]
        constraints = [
            models.UniqueConstraint(fields=["replay", "prediction"], name="one_answer_a_replay")
        ]
        indexes = [
            models.Index(
                fields=["replay", "prediction"], condition=Q(differs=True), name="differing"
            )
        ]

    def __str__(self):
        return f"{self.prediction}, would be {self.digit}"
