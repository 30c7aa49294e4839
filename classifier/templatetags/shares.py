"""Shares in tables."""

from django import template

from classifier.statistics import Share

register = template.Library()


@register.filter
def percent(share: Share) -> str:
    return f"{100 * share.value:.1f} %" if share.of else "-"


@register.filter
def interval(share: Share) -> str:
    low, high = share.interval
    return f"{100 * low:.1f} to {100 * high:.1f} %" if share.of else "-"


@register.filter
def thousands(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}"
