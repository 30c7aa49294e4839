"""What the admin's first page tells: how much came, how sure and how right the answers were.

It costs the same among ten million uploads as among ten thousand: no count goes beyond a
limit, and a day that is over is counted once.
"""

from datetime import date, timedelta
from math import ceil
from typing import NamedTuple

from django.core.cache import cache
from django.utils import timezone

from . import review
from .health import readiness
from .models import NOT_A_DIGIT, UNCERTAIN, ModelVersion, Prediction, TrainingRun
from .statistics import Period, Share

DAYS = 14
ACCURACY_DAYS = 30
COUNTED = 1000  # uploads of a day, or waiting ones; beyond it a day is estimated
SAMPLED = 100  # keys that tell how many of a day's are there; usually all
REVIEWED = 1000  # newest reviewed uploads that tell how right the answers are
FEWEST = 20  # uploads of a day that say something of a share: half a dozen give 0 to 50 %
KEPT_S = 24 * 3600  # how long the count of a day that is over is remembered


class Day(NamedTuple):
    """A day of UTC: how many uploads, how many of them uncertain; counted or estimated."""

    day: date
    uploads: int
    uncertain: int
    estimated: bool

    @property
    def certain(self) -> int:
        return self.uploads - self.uncertain


def days() -> list[Day]:
    """The last days, today last."""
    today = timezone.now().date()
    over = [today - timedelta(ago) for ago in range(DAYS - 1, 0, -1)]
    return [
        *(cache.get_or_set(f"uploads-{day}", lambda day=day: count(day), KEPT_S) for day in over),
        count(today),
    ]


def count(day: date) -> Day:
    """Count a day's uploads, or when there are many, estimate them from their first and last key.

    The uncertain ones between the two are counted in their index, in 0.2 ms for each 2,500.
    """
    chosen = Period(day, day).of(Prediction.objects.order_by())
    uploads = chosen[: COUNTED + 1].count()
    if uploads <= COUNTED:
        return Day(day, uploads, chosen.exclude(reason="").count(), estimated=False)
    by_time = chosen.order_by("created_at").values_list("pk", flat=True)
    ends = [by_time.first(), by_time.last()]  # keys grow with time
    keys = range(min(ends), max(ends) + 1)
    asked = keys[:: ceil(len(keys) / SAMPLED)]
    there = chosen.filter(pk__in=asked).count() / len(asked)
    between = Prediction.objects.filter(UNCERTAIN, pk__range=(keys[0], keys[-1])).order_by()
    uploads = round(len(keys) * there)
    return Day(day, uploads, min(between.count(), uploads), estimated=True)


def waiting() -> int:
    """Uncertain uploads that nobody has labelled; COUNTED + 1 stands for more."""
    return review.waiting_count(COUNTED + 1, status="uncertain")


def accuracy() -> tuple[Share, Share]:
    """How many of the last weeks' reviewed uploads were read right: of all, of the certain."""
    since = timezone.now() - timedelta(ACCURACY_DAYS)
    newest = Prediction.objects.filter(label__isnull=False, created_at__gte=since)
    rows = newest.order_by("-created_at").values_list("label", "digit", "reason")[:REVIEWED]
    digits = [(label == digit, not reason) for label, digit, reason in rows if label < NOT_A_DIGIT]
    certain = [right for right, is_certain in digits if is_certain]
    right = sum(right for right, _ in digits)
    return Share(right, len(digits)), Share(sum(certain), len(certain))


def problems() -> list[str]:
    """What a person should know at once, in sentences."""
    found = [
        f"Version {name} could not be loaded. {problem}"
        for name, problem in ModelVersion.objects.exclude(problem="").values_list("name", "problem")
    ]
    now = readiness()
    return found if now.ready else [f"No picture can be read. {now.problem}", *found]


def last_run() -> TrainingRun | None:
    return TrainingRun.objects.first()
