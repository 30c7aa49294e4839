"""What people said of uploads, and who is looking at which."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .history import LABELS, NOT_A_DIGIT, Prediction


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
