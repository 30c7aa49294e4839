"""Many pictures that were sent at once, to be read in the background."""

from django.db import models

from .access import ApiKey
from .history import Prediction
from .jobs import Job
from .versions import ModelVersion


class Batch(Job):
    """A ZIP of pictures and how far it is read.

    The ZIP is deleted once all are in the history, or the batch is cancelled.
    """

    CANCELLABLE = (*Job.OPEN, Job.State.FAILED)
    RESUMABLE = (Job.State.FAILED,)

    archive = models.FileField("ZIP", max_length=64, blank=True)
    version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )  # that was asked for; none: the one that answers when its turn comes
    total = models.PositiveIntegerField("pictures")
    done = models.PositiveIntegerField("answered", default=0)
    failed = models.PositiveIntegerField("refused", default=0)
    key = models.ForeignKey(ApiKey, models.PROTECT, null=True, related_name="batches")
    request_id = models.CharField(max_length=64)

    class Meta(Job.Meta):
        verbose_name_plural = "batches"

    def __str__(self):
        return f"Batch {self.pk}"


class BatchAnswer(models.Model):
    """What came of one picture of a batch: an upload in the history, or a refusal."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="answers", db_index=False)
    index = models.PositiveIntegerField()  # its place in the batch, from 0
    prediction = models.ForeignKey(Prediction, models.CASCADE, null=True, related_name="+")
    name = models.CharField(max_length=255, blank=True)  # of what was refused
    code = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "index"], name="one_answer_a_picture")
        ]

    def __str__(self):
        return f"{self.batch}, picture {self.index}"
