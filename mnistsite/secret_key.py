"""The secret key of a site that was given none."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def read_or_create(path: Path) -> str:
    """Read the key from a file that only its owner may read, made on the first start."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(get_random_secret_key())
    try:
        os.link(fresh, path)  # of two processes that start at once, the first one's key stays
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip()
