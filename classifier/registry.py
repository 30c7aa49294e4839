"""Which versions there are, where their files lie, and which one answers.

A version is a row. Its files are shipped in `ml/weights` or lie in `models/` of the default
storage, where training puts them; what they hold is `ml.checkpoint`'s matter.
"""

import contextlib
import hashlib
import json
import os
import uuid
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from .models import ModelVersion, Promotion

FOLDER = "models"  # in the default storage
NONE_YET = "There is no trained network yet: run manage.py train_model."


class UnknownVersion(LookupError):
    """There is no version of this name."""


def shipped_directory() -> Path:
    """Where the network that comes with the project lies."""
    return Path(settings.BASE_DIR) / "ml" / "weights"


def shipped() -> ModelVersion:
    """The network that comes with the project, as a row that is not saved. Makes no query.

    Raises LookupError when there is none, ValueError when its facts cannot be read.
    """
    path = next(iter(sorted(shipped_directory().glob("*.json"))), None)
    if path is None:
        raise LookupError(NONE_YET)
    return from_facts(json.loads(path.read_text()), shipped=True)


def shipped_names() -> list[str]:
    """The names of the networks that come with the project, registered or not."""
    return [path.stem for path in shipped_directory().glob("*.json")]


def from_facts(facts: dict, **fields) -> ModelVersion:
    """A version of a checkpoint's facts, not saved yet."""
    return ModelVersion(
        name=facts["name"],
        network=facts["network"],
        keras_sha256=facts["keras_sha256"],
        tflite_sha256=facts.get("tflite_sha256", ""),
        metrics={key: facts["metrics"][key] for key in facts["metrics"] if key != "epochs"},
        facts=facts,
        **fields,
    )


def register_shipped() -> ModelVersion:
    """The shipped network's row; made when it is not there, active when no version is.

    Raises LookupError when nothing is shipped.
    """
    fresh = shipped()
    try:
        with transaction.atomic():
            version = ModelVersion.objects.filter(name=fresh.name).first() or fresh
            if version is fresh:
                version.save(force_insert=True)
            if _answering() is None:
                activate(version)
    except IntegrityError:  # another process has just done it
        return ModelVersion.objects.get(name=fresh.name)
    return version


def report_path(version: ModelVersion) -> str:
    """Where in storage a version's report lies."""
    return f"{FOLDER}/{version.name}.report.html"


def has_report(version: ModelVersion) -> bool:
    return default_storage.exists(report_path(version))


def active() -> ModelVersion:
    """The version that answers. Raises LookupError when there is none."""
    return _answering() or register_shipped()


def _answering() -> ModelVersion | None:
    """The active version, unless it came with an older release and its files went with that."""
    version = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    shipped_now = shipped_names() if version and version.shipped else []
    return None if shipped_now and version.name not in shipped_now else version


def active_if_any() -> ModelVersion | None:
    """The version that answers; None on a site that has none."""
    try:
        return active()
    except LookupError:
        return None


def find(name: str) -> ModelVersion:
    """The version of this name. Raises UnknownVersion."""
    if name.isprintable():  # PostgreSQL takes no NUL
        with contextlib.suppress(ModelVersion.DoesNotExist):
            return ModelVersion.objects.get(name=name)
        with contextlib.suppress(LookupError):
            if shipped().name == name:
                return register_shipped()
    raise UnknownVersion(f"There is no version {name!r}; there is {', '.join(names()) or 'none'}.")


def names() -> list[str]:
    """The names of all versions, the oldest first."""
    return list(ModelVersion.objects.order_by("id").values_list("name", flat=True))


@lru_cache(maxsize=64)
def row(name: str) -> ModelVersion:
    """A version's row, asked for once by each process. Raises UnknownVersion."""
    return find(name)


def register(facts: dict, directory: Path, **fields) -> ModelVersion:
    """Move a checkpoint's files into storage and make it a candidate. Raises OSError."""
    version = from_facts(facts, **fields)
    for name, _ in files(version):
        path = directory / name
        target = f"{FOLDER}/{name}"
        default_storage.delete(target)  # left by a registration that was cut short
        with path.open("rb") as file:
            default_storage.save(target, File(file))
    version.save(force_insert=True)
    return version


def files(version: ModelVersion) -> list[tuple[str, str]]:
    """The names of a version's files and their SHA-256."""
    kept = [(f"{version.name}.keras", version.keras_sha256)]
    if version.tflite_sha256:
        kept.append((f"{version.name}.tflite", version.tflite_sha256))
    return kept


def locate(version: ModelVersion) -> Path:
    """A directory of this machine with a version's files; they are checked when they are opened.

    Where the storage has no local files, they are fetched into MNIST_MODEL_CACHE first.
    Raises OSError.
    """
    if version.shipped:
        return shipped_directory()
    try:
        return Path(default_storage.path(FOLDER))
    except NotImplementedError:
        for name, digest in files(version):
            _fetch(name, digest)
        return Path(settings.MNIST_MODEL_CACHE)


def _fetch(name: str, digest: str) -> None:
    """Copy a file from storage unless the right one is here already."""
    path = Path(settings.MNIST_MODEL_CACHE) / name
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with default_storage.open(f"{FOLDER}/{name}") as source:
            partial.write_bytes(source.read())
    except Exception as error:  # storages share no base of their errors
        raise OSError(f"{FOLDER}/{name} cannot be read from storage: {error}") from error
    os.replace(partial, path)


def activate(
    version: ModelVersion, by=None, gate: dict | None = None, because: str = ""
) -> Promotion:
    """Let a version answer and retire the one that did; nothing is checked here."""
    state = ModelVersion.State
    with transaction.atomic():
        previous = ModelVersion.objects.select_for_update().filter(state=state.ACTIVE).first()
        if previous:
            ModelVersion.objects.filter(pk=previous.pk).update(state=state.RETIRED)
        ModelVersion.objects.filter(pk=version.pk).update(state=state.ACTIVE, problem="")
        version.refresh_from_db()
        return Promotion.objects.create(
            version=version, previous=previous, promoted_by=by, gate=gate, overruled_because=because
        )


def note_problem(version: ModelVersion, problem: str) -> None:
    """Write down, for the admin, why a version cannot be loaded; empty when it can again."""
    ModelVersion.objects.filter(pk=version.pk).exclude(problem=problem).update(problem=problem)


def training_directory() -> Path:
    """Where trainings keep their state, on the machine that trains."""
    return Path(settings.MEDIA_ROOT) / "training"
