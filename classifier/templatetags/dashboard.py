"""The dashboard, where the admin's first page wants it."""

from django import template
from django.db.models import Max

from classifier import charts, dashboard
from classifier.models import ModelVersion
from classifier.statistics import Share

register = template.Library()


@register.inclusion_tag("admin/classifier/dashboard.html", takes_context=True)
def digits_dashboard(context):
    days = dashboard.days()
    of_all, of_certain = dashboard.accuracy()
    waiting = dashboard.waiting()
    return {
        "perms": context["perms"],
        "today": days[-1],
        "unsure_today": Share(days[-1].uncertain, days[-1].uploads),
        "waiting": waiting,
        "counted": dashboard.COUNTED,
        "more_waiting": waiting > dashboard.COUNTED,
        "of_all": of_all,
        "of_certain": of_certain,
        "accuracy_days": dashboard.ACCURACY_DAYS,
        "active": ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE)
        .annotate(since=Max("promotions__promoted_at"))
        .first(),
        "run": dashboard.last_run(),
        "problems": dashboard.problems(),
        "fewest": dashboard.FEWEST,
        "few": all(each.uploads < dashboard.FEWEST for each in days),
        "charts": drawn(days) if any(each.uploads for each in days) else [],
        "estimated": any(each.estimated for each in days),
    }


def drawn(days: list[dashboard.Day]) -> list[str]:
    names = [f"{each.day:%d %b}" for each in days]
    counts = [(name, each.certain, each.uncertain) for name, each in zip(names, days, strict=True)]
    shares = [
        (name, share.value, share.interval)
        for name, each in zip(names, days, strict=True)
        if (share := Share(each.uncertain, each.uploads)).of >= dashboard.FEWEST
    ]
    return [charts.columns(counts, "Uploads by day", "day", ("certain", "uncertain"))] + (
        [charts.intervals(shares, "Share uncertain by day", "day")] if shares else []
    )
