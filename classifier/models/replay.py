"""The history answered again by another version."""

from django.db import models
from django.db.models import Q

from .history import Prediction
from .jobs import Job
from .versions import ModelVersion


class Replay(Job):
    """A part of the history, answered again by another version, to see what would change."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="replays")
    filters = models.JSONField(default=dict)  # as classifier.replay.select takes them
    total = models.PositiveIntegerField("uploads", default=0)
    done = models.PositiveIntegerField("answered", default=0)
    differing = models.PositiveIntegerField("other digit", default=0)

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
