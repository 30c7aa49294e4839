"""What `manage.py check` says of settings that do not go together."""

import os
from pathlib import Path

from django.conf import settings
from django.core.checks import Warning

LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"


def check_throttles(app_configs, **options):
    """Limits that would not be what they seem."""
    found = []
    limited = settings.MNIST_THROTTLE_KEY or settings.MNIST_THROTTLE_ADDRESS
    if limited and settings.CACHES["default"]["BACKEND"] == LOCAL_CACHE:
        found.append(
            Warning(
                "MNIST_THROTTLE_* is set, but each worker counts for itself: with several the "
                "limit is that many times as high.",
                hint="Set CACHE_URL=redis://host:6379/1, or serve with --workers 1.",
                id="classifier.W001",
            )
        )
    if settings.DJANGO_HTTPS and not settings.MNIST_NUM_PROXIES:
        found.append(
            Warning(
                "DJANGO_HTTPS is set, so there is a proxy, and all clients have its address: "
                "limits of requests and of failed logins by address hold for all of them together.",
                hint="Set MNIST_NUM_PROXIES to the number of proxies that add to X-Forwarded-For.",
                id="classifier.W002",
            )
        )
    return found


def check_media(app_configs, **options):
    """Uploads that could not be stored."""
    if settings.S3_BUCKET:
        return []
    path = Path(settings.MEDIA_ROOT)
    there = next(each for each in (path, *path.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    return [
        Warning(
            f"MEDIA_ROOT is {path}, and {there} cannot be written to: no upload can be stored.",
            hint="Let the user that serves write there, or set MEDIA_ROOT to another folder.",
            id="classifier.W003",
        )
    ]
