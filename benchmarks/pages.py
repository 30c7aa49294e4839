"""Load pages of the site as staff, as often as asked on standard input: see growth.py.

Each line names a page, and is answered by the milliseconds that it took.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
django.setup()

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from classifier.models import ModelVersion, Prediction, ReviewClaim

LIST = "/admin/classifier/prediction/"
API = "/api/v1/predictions"


def days_ago(days: int, until: int | None = None) -> dict[str, str]:
    """What the admin's links by date ask for."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    found = {"created_at__gte": midnight - timedelta(days)}
    if until is not None:
        found["created_at__lt"] = midnight - timedelta(until)
    return found


def pages() -> dict[str, str]:
    """Addresses by name; what is searched for is the row in the middle of the history."""
    rows = Prediction.objects.order_by("pk")
    middle = rows.get(pk=(rows.first().pk + rows.last().pk) // 2)
    older = ModelVersion.objects.get(name="digits-1")
    newest = rows.exclude(original_name="").last()
    lists = {
        "list": {},
        "list, page 10": {"p": 10},
        "digit": {"digit": 7},
        "certain": {"status": "certain"},
        "uncertain": {"status": "uncertain"},
        "several digits": {"status": "several_digits"},
        "not reviewed": {"review": "waiting"},
        "reviewed": {"review": "reviewed"},
        "label agrees": {"review": "agrees"},
        "label disagrees": {"review": "disagrees"},
        "label": {"label": 7},
        "label, not a digit": {"label": 10},
        "oldest version": {"version": rows.first().version_id},
        "newest version": {"version": rows.last().version_id},
        "today": days_ago(0),
        "past 7 days": days_ago(7),
        "a week long ago": days_ago(50, 43),
        "that week, a digit": days_ago(50, 43) | {"digit": 7},
        "a digit, several": {"digit": 7, "status": "several_digits"},
        "older version, uncertain": {"version": older.pk, "status": "uncertain"},
        "by a key": {"key": 1},
        "search: id": {"q": middle.pk},
        "search: SHA-256": {"q": middle.sha256_hex},
        "search: request id": {"q": middle.request_id},
        "search: name": {"q": newest.original_name},
        "search: name of none": {"q": "nothing is called this"},
    }
    api = {
        "newest": {},
        "digit": {"digit": 7},
        "uncertain": {"status": "uncertain"},
        "several digits": {"status": "several_digits"},
        "disagrees": {"review": "disagrees"},
        "oldest version": {"model": "digits-0"},
        "a week": {"since": days_ago(50)["created_at__gte"].isoformat()}
        | {"until": days_ago(43)["created_at__gte"].isoformat()},
    }
    return {
        **{f"admin: {name}": f"{LIST}?{urlencode(query)}" for name, query in lists.items()},
        "admin: one upload": f"{LIST}{middle.pk}/change/",
        "admin: statistics": f"{LIST}statistics/",
        "dashboard, first": "/admin/",
        "dashboard": "/admin/",
        **{f"API: {name}": f"{API}?{urlencode(query)}" for name, query in api.items()},
        "API: one upload": f"{API}/{middle.pk}",
    }


def queue(client: Client, query: str = "") -> Callable:
    """The queue's next picture; what was claimed is free again afterwards."""

    def load():
        ReviewClaim.objects.all().delete()
        started = time.perf_counter()
        response = client.post(
            f"{LIST}review/next{query}", {"count": 1}, content_type="application/json"
        )
        return response, time.perf_counter() - started

    return load


def visit(client: Client, name: str, address: str) -> Callable:
    def load():
        if name == "dashboard, first":
            cache.clear()
        started = time.perf_counter()
        response = client.get(address)
        return response, time.perf_counter() - started

    return load


def main() -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get(username="staff"))
    loads = {name: visit(client, name, address) for name, address in pages().items()}
    loads["queue"] = queue(client)
    loads["queue: a digit"] = queue(client, "?digit=7")
    loads["queue: several digits"] = queue(client, "?status=several_digits")
    print(*loads, sep="\t", flush=True)
    for line in sys.stdin:
        response, seconds = loads[line.strip()]()
        if response.status_code != 200:
            raise SystemExit(f"{line.strip()} was answered with {response.status_code}.")
        print(seconds * 1000, flush=True)


if __name__ == "__main__":
    main()
