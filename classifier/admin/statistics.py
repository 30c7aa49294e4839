"""The page of figures: how right, how sure, what for, and what moved."""

from collections import Counter
from datetime import timedelta

from django import forms
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone

from classifier import charts, statistics
from classifier.models import LABELS
from classifier.statistics import BANDS, DIGITS, Period


class PeriodsForm(forms.Form):
    """The days that are looked at, and those they are compared with."""

    first, last, earlier_first, earlier_last = (
        forms.DateField(label=label, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
        for label in ("from", "to", "compared with", "to")
    )

    def clean(self):
        for first, last in (("first", "last"), ("earlier_first", "earlier_last")):
            days = [self.cleaned_data.get(each) for each in (first, last)]
            if None not in days and days[0] > days[1]:
                self.add_error(last, "Expected a day that is not before the first.")

    @staticmethod
    def usual() -> dict:
        """This week, and the four weeks before it."""
        today = timezone.now().date()
        ago = {"first": 6, "last": 0, "earlier_first": 34, "earlier_last": 7}
        return {name: today - timedelta(days) for name, days in ago.items()}


class StatisticsView:
    """The page, for those who may see the history."""

    def get_urls(self):
        page = self.admin_site.admin_view(self.statistics_view)
        return [
            path("statistics/", page, name="classifier_prediction_statistics"),
            *super().get_urls(),
        ]

    def statistics_view(self, request):
        if not self.has_view_permission(request):
            raise PermissionDenied
        usual = PeriodsForm.usual()
        form = PeriodsForm({**usual, **request.GET.dict()})
        days = {**usual, **form.cleaned_data} if form.is_valid() else usual
        now = Period(days["first"], days["last"])
        before = Period(days["earlier_first"], days["earlier_last"])
        context = {
            **self.admin_site.each_context(request),
            "title": "Statistics",
            "opts": self.opts,
            "form": form,
            "periods": (before, now),
            **figures(before, now),
        }
        return TemplateResponse(request, "admin/classifier/prediction/statistics.html", context)


def figures(before: Period, now: Period) -> dict:
    """All that the page shows of a period and an earlier one."""
    groups = statistics.reviewed(now)
    found, found_before = statistics.uploads(now), statistics.uploads(before)
    shifts = statistics.shifts(found_before, found)
    return {
        "accuracies": accuracies(groups),
        "versions": versions(groups, found),
        "uploads": found.total(),
        "uploads_before": found_before.total(),
        "sample": statistics.SAMPLE,
        "fewest": statistics.FEWEST,
        "sentences": [text for each in shifts if (text := statistics.sentence(each))],
        "shifts": shifts,
        "charts": [*charts_of_corrections(groups), *charts_of_uploads(found, shifts)],
    }


def accuracies(groups) -> list[tuple]:
    """Rows of a name and a share, by what the answers said of themselves."""
    rows = [
        ("All that was reviewed", statistics.accuracy(groups)),
        ("Certain answers", statistics.accuracy(each for each in groups if each.certain)),
        ("Uncertain answers", statistics.accuracy(each for each in groups if not each.certain)),
        ("Not a digit, and answered as uncertain", statistics.flagged(groups)),
    ]
    return [row for row in rows if row[1].of]


def versions(groups, found: Counter) -> list[tuple]:
    """Rows of a version's name, its accuracy, and its share of uncertain answers."""
    names = {each.version for each in groups} | {each.version for each in found}
    return [
        (
            name,
            statistics.accuracy(each for each in groups if each.version == name),
            statistics.uncertain(part(found, version=name)),
        )
        for name in sorted(names)
    ]


def part(found: Counter, **facts) -> Counter:
    """Those of the counted uploads that share these facts."""
    return Counter(
        {
            each: count
            for each, count in found.items()
            if all(getattr(each, name) == value for name, value in facts.items())
        }
    )


def charts_of_corrections(groups) -> list[str]:
    if not groups:
        return []
    counts = statistics.confusion(groups)
    by_day = [
        (day, statistics.accuracy(each for each in groups if each.day == day))
        for day in sorted({each.day for each in groups})
    ]
    labels = [text for _, text in LABELS[:-1]] + ["none"]
    return [
        share_chart(by_day, "Accuracy by day", "day of the upload"),
        share_chart(enumerate(statistics.recall(counts)), "Recall of each digit", "label"),
        charts.matrix(counts, labels, DIGITS, "Labels (down) and answers (across)", "answer"),
    ]


def charts_of_uploads(found: Counter, shifts) -> list[str]:
    by_day = [
        (day, statistics.uncertain(part(found, day=day)))
        for day in sorted({each.day for each in found})
    ]
    drawn = [share_chart(by_day, "Uncertain answers by day", "day of the upload")] if found else []
    axes = {DIGITS[0]: "digit that was read", BANDS[0]: "confidence"}
    return drawn + [
        charts.pairs(each.kinds, each.before, each.now, each.name, axes[each.kinds[0]])
        for each in shifts
        if each.kinds[0] in axes
    ]


def share_chart(rows, title: str, axis: str) -> str:
    """Shares with their intervals; days are written as month and day."""
    points = [
        (f"{name:%d %b}" if hasattr(name, "month") else str(name), share.value, share.interval)
        for name, share in rows
        if share.of
    ]
    return charts.intervals(points, title, axis)
