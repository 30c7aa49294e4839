"""The gate: a candidate answers only if it is not worse than the version that does.

Not on MNIST's test images, and not on the reviewed uploads that are held out of training.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import inference, registry, reviewed
from .models import NOT_A_DIGIT, ModelVersion, Promotion
from .reviewed import Picture

Z = 1.96  # standard deviations to either side that hold 95 %
MNIST_IMAGES = 10_000
MNIST_TOLERANCE = 0.0005  # 5 of MNIST's 10,000 images: what a mere change of the seed moves
MOST_HELD_OUT = 1_000  # newest pictures; reading them takes seconds


class HeldBack(ValueError):
    """A candidate is worse than the active version; the message says on what."""


class Comparison(NamedTuple):
    """Two versions' accuracy on one set; `low` to `high` hold their difference at 95 %."""

    name: str
    images: int
    candidate: float
    active: float
    low: float
    high: float
    tolerance: float

    @property
    def worse(self) -> bool:
        return self.active - self.candidate > self.tolerance + 1e-9

    def __str__(self):
        return (
            f"{self.name} ({self.images}): {self.candidate:.2%} against {self.active:.2%}, "
            f"difference {100 * self.low:+.2f} to {100 * self.high:+.2f} points"
            f"{', WORSE' if self.worse else ''}"
        )


def examine(candidate: ModelVersion) -> dict:
    """Compare a version with the active one; kept on its row, and returned as it is kept.

    The first version of all passes. Raises NotReady when one of them cannot be loaded.
    """
    active = registry.active_if_any()
    if active is None:
        return {"against": None, "passed": True, "sets": []}
    sets = [on_mnist(candidate, active), *on_held_out(candidate, active)]
    candidate.gate = {
        "against": active.name,
        "passed": not any(each.worse for each in sets),
        "sets": [each._asdict() | {"worse": each.worse, "text": str(each)} for each in sets],
    }
    ModelVersion.objects.filter(pk=candidate.pk).update(gate=candidate.gate)
    return candidate.gate


def on_mnist(candidate: ModelVersion, active: ModelVersion) -> Comparison:
    """By which test images each read wrong where that was noted, else by their accuracies."""
    images = candidate.metrics.get("test_images", MNIST_IMAGES)
    mistakes = [each.metrics.get("test_mistakes") for each in (candidate, active)]
    if None in mistakes or images != active.metrics.get("test_images", MNIST_IMAGES):
        accuracies = [each.metrics.get("test_accuracy", 0.0) for each in (candidate, active)]
        interval = unpaired(*accuracies, images)
    else:
        accuracies = [1 - len(wrong) / images for wrong in mistakes]
        of_candidate, of_active = (set(wrong) for wrong in mistakes)
        interval = paired(len(of_active - of_candidate), len(of_candidate - of_active), images)
    return Comparison("MNIST test images", images, *accuracies, *interval, MNIST_TOLERANCE)


def on_held_out(candidate: ModelVersion, active: ModelVersion) -> list[Comparison]:
    """By asking both; nothing where nothing is held out."""
    pictures = reviewed.held_out(MOST_HELD_OUT)
    if not pictures:
        return []
    right = [answers_right(each, pictures) for each in (candidate, active)]
    only_candidate = sum(one and not other for one, other in zip(*right, strict=True))
    only_active = sum(other and not one for one, other in zip(*right, strict=True))
    images = len(pictures)
    accuracies = [sum(each) / images for each in right]
    interval = paired(only_candidate, only_active, images)
    return [Comparison("held-out reviewed uploads", images, *accuracies, *interval, 0.0)]


def answers_right(version: ModelVersion, pictures: Sequence[Picture]) -> list[bool]:
    """Whether a version reads each picture as its label; a refused picture is not a digit."""
    guesses = inference.predictor(version.name).read_many([each.content for each in pictures])
    return [is_right(guess, each.label) for guess, each in zip(guesses, pictures, strict=True)]


def is_right(guess, label: int) -> bool:
    refused = isinstance(guess, inference.InvalidImage)
    if label == NOT_A_DIGIT:
        return refused or bool(guess.reason)
    return not refused and guess.digit == label


def paired(only_one: int, only_other: int, images: int) -> tuple[float, float]:
    """The interval of a difference on the same pictures, from those that one alone read right.

    Agresti and Min (2005): honest also when there are few.
    """
    size = images + 2
    middle = (only_one - only_other) / size
    half = Z * math.sqrt(max(0.0, only_one + only_other + 1 - size * middle**2)) / size
    return max(-1.0, middle - half), min(1.0, middle + half)


def unpaired(one: float, other: float, images: int) -> tuple[float, float]:
    """The interval of the difference of two accuracies, when nothing else is known."""
    half = Z * math.sqrt((one * (1 - one) + other * (1 - other)) / max(images, 1))
    return one - other - half, one - other + half


def promote(version: ModelVersion, by=None, overrule_because: str = "") -> Promotion:
    """Let a version answer, once its files are whole and the gate lets it pass.

    A retired version has answered before: going back to it asks nothing of the gate. Raises
    HeldBack unless there is a reason to overrule it, NotReady when the version cannot be loaded.
    """
    if version.state == ModelVersion.State.ACTIVE:
        return version.promotions.first()
    verify(version)
    if version.state != ModelVersion.State.CANDIDATE:
        return registry.activate(version, by)
    verdict = examine(version)
    if not verdict["passed"] and not overrule_because:
        worse = "; ".join(each["text"] for each in verdict["sets"] if each["worse"])
        raise HeldBack(f"{version.name} is worse than {verdict['against']}. {worse}")
    return registry.activate(version, by, verdict, "" if verdict["passed"] else overrule_because)


def verify(version: ModelVersion) -> None:
    """Load a version from its files now. Raises NotReady when they are missing or damaged."""
    try:
        inference.open_version(version)
    except (OSError, ValueError) as error:
        raise inference.NotReady(f"{version.name} cannot be loaded. {error}") from error
