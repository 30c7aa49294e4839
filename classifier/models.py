import zlib

import numpy as np
from django.db import models
from django.db.models import Q

PIXELS_SHAPE = (28, 28)


class ModelVersion(models.Model):
    """A trained network that the site knows by name."""

    name = models.CharField(max_length=64, unique=True)
    network = models.CharField(max_length=32)
    keras_sha256 = models.CharField("SHA-256 of the network", max_length=64)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return self.name


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
