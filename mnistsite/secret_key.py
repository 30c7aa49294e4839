"""The secret key of a site that was given none."""

import contextlib
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def read_or_create(path: Path) -> str:
    """Read the key from a file that only its owner may read, made on the first start.

    Raises ImproperlyConfigured when it can be neither read nor made.
    """
    try:
        if not path.exists():
            _create(path)
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"The secret key in {path} cannot be used: {error}. "
            "Mend the file, or set DJANGO_SECRET_KEY."
        ) from error
    if not key:
        raise ImproperlyConfigured(f"{path} is empty. Delete it, and a new key is made.")
    return key


def _create(path: Path) -> None:
    """Write a random key; of two processes that start at once, the first one's stays."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(get_random_secret_key())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
