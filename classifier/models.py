import zlib

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Q

PIXELS_SHAPE = (28, 28)


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


class Prediction(models.Model):
    """An upload and what a version said of it. Evidence: never changed once it is recorded."""

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

    class Meta:
        ordering = ["-id"]
        constraints = [
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
