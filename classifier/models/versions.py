"""Trained networks: which there are, which answered when, and how they were trained."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .jobs import Job


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


class TrainingRun(Job):
    """A training: from the request for it to a version, or to the reason why there is none."""

    name = models.CharField("the version to be", max_length=64)
    plan = models.JSONField(default=dict)  # as classifier.training.begin makes it
    start = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )  # the version it starts from; none: from random weights
    progress = models.JSONField(default=dict)  # as classifier.runs.Watch writes it
    log = models.TextField(blank=True)  # its last lines

    class Meta(Job.Meta):
        permissions = [("train", "Can train versions")]
        constraints = [
            models.UniqueConstraint(
                models.Case(models.When(state__in=["waiting", "running"], then=models.Value(1))),
                name="one_open_training_run",
            )
        ]

    def __str__(self):
        return f"Training of {self.name}"
