"""What was asked for, how sure and how right the answers were, and what moved between two periods.

How right is told by the corrections; how sure and what for, by all uploads. Everything is
counted by the database; no row is ever loaded.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.db.models.functions import TruncDate

from .models import NOT_A_DIGIT, Prediction

Z = 1.96  # standard deviations to either side that hold 95 %
SAMPLE = 10_000  # uploads of a period that are counted; of more, as many evenly spaced ones
CHUNK = 1000  # rows asked for by key in one query; SQLite takes 32,766 values at most

BAND_EDGES = [0.5, 0.8, 0.95, 0.99]  # of confidence
BANDS = ["below 50 %", "50 to 80 %", "80 to 95 %", "95 to 99 %", "over 99 %"]
DIGITS = [str(digit) for digit in range(10)]
STATUSES = ["certain", "uncertain"]

# What counts as moved. Two samples of the same uploads differ, too: with these limits 200 uploads
# against 200 are said to have moved in 1 of 1000 comparisons, 30 against 200 in 3 of 1000.
FEWEST = 30  # uploads in either period; below it nothing can be said
PSI_WORTH_SAYING = 0.1  # the usual "small shift" (Siddiqi 2006), however many uploads there are
SHARE_WORTH_SAYING = 0.05
Z_MOVED = 4.0  # of one class's share, two-sided 6e-5; ten classes are looked at
Z_PSI = 3.7  # one-sided 1e-4


class Period(NamedTuple):
    """Days of UTC, both included."""

    first: date
    last: date

    def of(self, predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
        return predictions.uploaded(self.first, self.last)


class Share(NamedTuple):
    """A part of a whole, with its 95 % interval (Wilson 1927)."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        z2 = Z * Z / self.of
        middle = (self.value + z2 / 2) / (1 + z2)
        half = Z / (1 + z2) * sqrt(self.value * (1 - self.value) / self.of + z2 / (4 * self.of))
        return max(0.0, middle - half), min(1.0, middle + half)


# How right: reviewed uploads


class Reviewed(NamedTuple):
    """Reviewed uploads of which all of this is the same, and how many there are."""

    version: str
    day: date
    label: int
    digit: int
    certain: bool
    count: int


def reviewed(period: Period) -> list[Reviewed]:
    """The reviewed uploads of a period, counted."""
    return [
        Reviewed(*row)
        for row in period.of(Prediction.objects.filter(label__isnull=False))
        .order_by()
        .values_list("version__name", TruncDate("created_at"), "label", "digit", Q(reason=""))
        .annotate(Count("pk"))
    ]


def accuracy(groups: Iterable[Reviewed]) -> Share:
    """Read right, of the uploads that show a digit."""
    digits = [each for each in groups if each.label != NOT_A_DIGIT]
    right = sum(each.count for each in digits if each.label == each.digit)
    return Share(right, sum(each.count for each in digits))


def flagged(groups: Iterable[Reviewed]) -> Share:
    """Answered as uncertain, of the uploads that show no digit."""
    others = [each for each in groups if each.label == NOT_A_DIGIT]
    uncertain = sum(each.count for each in others if not each.certain)
    return Share(uncertain, sum(each.count for each in others))


def confusion(groups: Iterable[Reviewed]) -> np.ndarray:
    """Uploads by label (the last row: not a digit) and by digit answered, (11, 10) int."""
    counts = np.zeros((NOT_A_DIGIT + 1, 10), int)
    for each in groups:
        counts[each.label, each.digit] += each.count
    return counts


def recall(counts: np.ndarray) -> list[Share]:
    """Of each digit's uploads, the share that was read as it; from the confusion matrix."""
    return [Share(int(counts[digit, digit]), int(counts[digit].sum())) for digit in range(10)]


# What for and how sure: all uploads


class Uploads(NamedTuple):
    """Uploads of which all of this is the same."""

    version: str
    day: date
    digit: int
    band: int  # of confidence, an index of BANDS
    certain: bool


def uploads(period: Period) -> Counter[Uploads]:
    """The uploads of a period, counted; of a large period a sample, evenly spaced."""
    band = Case(
        *(When(confidence__lt=edge, then=Value(index)) for index, edge in enumerate(BAND_EDGES)),
        default=Value(len(BAND_EDGES)),
    )
    found = Counter()
    for part in _sample(period.of(Prediction.objects.order_by())):
        for *row, count in part.values_list(
            "version__name", TruncDate("created_at"), "digit", band, Q(reason="")
        ).annotate(Count("pk")):
            found[Uploads(*row)] += count
    return found


def _sample(chosen: QuerySet[Prediction]) -> Iterator[QuerySet[Prediction]]:
    """The rows, or when there are many SAMPLE of them, as querysets to be counted.

    Keys grow with time, so that even steps from the first to the last are even steps in time,
    and looking them up takes as long among ten million rows as among ten thousand.
    """
    if chosen[: SAMPLE + 1].count() <= SAMPLE:
        yield chosen
        return
    by_time = chosen.order_by("created_at")
    ends = [by_time.first().pk, by_time.last().pk]
    keys = range(min(ends), max(ends) + 1)
    keys = keys[:: ceil(len(keys) / SAMPLE)]
    for start in range(0, len(keys), CHUNK):
        yield chosen.filter(pk__in=keys[start : start + CHUNK])


def tally(found: Counter[Uploads], index: Callable[[Uploads], int], size: int) -> np.ndarray:
    """How many uploads have each index, (size,) int."""
    counts = np.zeros(size, int)
    for upload, count in found.items():
        counts[index(upload)] += count
    return counts


def uncertain(found: Counter[Uploads]) -> Share:
    hits = sum(count for upload, count in found.items() if not upload.certain)
    return Share(hits, found.total())


# What moved


class Shift(NamedTuple):
    """One distribution in two periods: how far it moved, and what chance would explain."""

    name: str
    kinds: list[str]
    before: np.ndarray  # shares, (n,)
    now: np.ndarray
    psi: float
    limit: float
    moved: list[int]  # indices of kinds, the largest move first; empty: nothing to say


def shifts(before: Counter[Uploads], now: Counter[Uploads]) -> list[Shift]:
    """Class mix, confidence and status of two periods; none when one has too few uploads."""
    if min(before.total(), now.total()) < FEWEST:
        return []
    return [
        shift(name, kinds, *(tally(found, index, len(kinds)) for found in (before, now)))
        for name, kinds, index in (
            ("Class mix", DIGITS, lambda upload: upload.digit),
            ("Confidence", BANDS, lambda upload: upload.band),
            ("Status", STATUSES, lambda upload: int(not upload.certain)),
        )
    ]


def shift(name: str, kinds: list[str], before: np.ndarray, now: np.ndarray) -> Shift:
    """Compare the counts of each kind, (n,) int each, in two periods."""
    limit = max(PSI_WORTH_SAYING, chance_psi(len(kinds), before.sum(), now.sum()))
    difference = now / now.sum() - before / before.sum()
    pooled = (before + now) / (before.sum() + now.sum())
    spread = np.sqrt(pooled * (1 - pooled) * (1 / before.sum() + 1 / now.sum()))
    certainly = np.abs(difference) > np.maximum(Z_MOVED * spread, SHARE_WORTH_SAYING)
    by_size = np.argsort(-np.abs(difference), kind="stable")
    moved = [int(kind) for kind in by_size if certainly[kind]]
    value = psi(before, now)
    if value > limit and not moved:
        moved = [int(by_size[0])]
    return Shift(name, kinds, before / before.sum(), now / now.sum(), value, limit, moved)


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """The population stability index of two lots of counts, (n,) each.

    Half a count is added to each, so that an empty kind does not make it infinite.
    """
    expected, actual = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before, now))
    return float(((actual - expected) * np.log(actual / expected)).sum())


def chance_psi(kinds: int, before: int, now: int) -> float:
    """What two samples of the same distribution exceed once in ten thousand times.

    Their PSI is distributed like chi-squared with kinds - 1 degrees of freedom, times
    1/before + 1/now (Yurdakul 2018); its quantile is Wilson's and Hilferty's.
    """
    freedom = kinds - 1
    step = 2 / (9 * freedom)
    return freedom * (1 - step + Z_PSI * sqrt(step)) ** 3 * (1 / before + 1 / now)


SUBJECTS = {
    "Class mix": "The digit {}",
    "Confidence": "Confidence of {}",
    "Status": "The answer “{}”",
}


def sentence(moved: Shift) -> str:
    """What moved, in words; empty when nothing did."""
    if not moved.moved:
        return ""
    first = moved.moved[0]
    shares = [f"{100 * part[first]:.1f} %" for part in (moved.before, moved.now)]
    verb = "rose" if moved.now[first] > moved.before[first] else "fell"
    subject = SUBJECTS[moved.name].format(moved.kinds[first])
    return f"{subject} {verb} from {shares[0]} to {shares[1]} of uploads."
