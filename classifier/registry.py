"""Which versions there are, where their files lie, and which one answers.

A version is shipped in `ml/weights` or trained into `models` below MEDIA_ROOT. What its
files hold is `ml.checkpoint`'s matter; that there is one, its JSON of facts shows.
"""

import json
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from .models import ModelVersion


def trained_directory() -> Path:
    """Where `train_model` puts what it trains."""
    return Path(settings.MEDIA_ROOT) / "models"


def shipped_directory() -> Path:
    """Where the network that comes with the project lies."""
    return Path(settings.BASE_DIR) / "ml" / "weights"


def names() -> list[str]:
    """The names of all versions, the shipped one first."""
    return [
        path.stem
        for directory in (shipped_directory(), trained_directory())
        for path in sorted(directory.glob("*.json"))
    ]


def active() -> str:
    """The name of the version that answers. Raises LookupError when there is none."""
    name = settings.MNIST_MODEL or next(iter(names()), "")
    if not name:
        raise LookupError("There is no trained network yet: run manage.py train_model.")
    return name


def locate(name: str) -> Path:
    """The directory that holds a version. Raises LookupError when none does."""
    for directory in (shipped_directory(), trained_directory()):
        if (directory / f"{name}.json").exists():
            return directory
    raise LookupError(f"There is no version {name!r}; there is {', '.join(names()) or 'none'}.")


@lru_cache(maxsize=64)
def row(name: str) -> ModelVersion:
    """A version's row, made when the version first answers. Raises LookupError."""
    facts = json.loads((locate(name) / f"{name}.json").read_text())
    version, _ = ModelVersion.objects.get_or_create(
        name=name,
        defaults={
            "network": facts["network"],
            "keras_sha256": facts["keras_sha256"],
            "facts": facts,
        },
    )
    return version
