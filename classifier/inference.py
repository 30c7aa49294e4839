"""The door to `ml`: bytes in, a guess out. Nothing else here knows what a picture is.

One reference names the version that answers. A thread asks once a second which one should,
loads and warms it beside the other, and swaps the reference: no request waits or fails, and
each answer comes from one version as a whole.
"""

import base64
import logging
import os
import socket
import threading
import time
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from ml import explain, picture
from ml.checkpoint import Checkpoint, DamagedCheckpoint
from ml.header import InvalidImage, inspect
from ml.predict import Guess, Predictor
from ml.preprocess import prepare

from . import deadline, metrics, registry
from .models import ModelVersion
from .registry import UnknownVersion

__all__ = ["Guess", "InvalidImage", "NotReady", "UnknownVersion", "inspect"]

logger = logging.getLogger(__name__)

ASK_EVERY_S = 1.0  # how often a serving process asks which version is active
RETRY_AFTER_S = 10.0  # when to try a version again that could not be loaded
OTHERS = 4  # versions that are kept loaded for `model=`


class NotReady(RuntimeError):
    """There is no version that could answer; the message says why."""


class Serving:
    """What this process answers with, and what stands in the way of something newer."""

    active: Predictor | None = None
    problem = ""  # why the active version is not the one that answers; anyone may read it
    failed: tuple[str, float] = ("", 0.0)  # the version that could not be loaded, and when
    following = False


_lock = threading.Lock()


def classify(upload: bytes, version: str = "") -> Guess:
    """Read the digit in a picture, with the active version or a named one.

    Raises InvalidImage, UnknownVersion and NotReady.
    """
    with deadline.read_deadline():
        return predictor(version).read(upload, metrics.Laps())


def classify_many(uploads: Iterable[bytes], version: str = "") -> list[Guess | InvalidImage]:
    """Read several pictures at once; a refusal stands where its guess would.

    Raises UnknownVersion and NotReady.
    """
    return predictor(version).read_many(uploads)


def predictor(name: str = "") -> Predictor:
    """The version of this name, or the one that answers.

    Raises UnknownVersion, and NotReady when it is missing or damaged.
    """
    answering = Serving.active or _first()
    if not name or name == answering.version:
        return answering
    try:
        return _load(name)
    except (OSError, DamagedCheckpoint) as error:
        raise NotReady(str(error)) from error


@lru_cache(maxsize=OTHERS)
def _load(name: str) -> Predictor:
    return open_version(registry.find(name))


def open_version(version: ModelVersion) -> Predictor:
    """Load a version and answer once with it. Raises OSError and DamagedCheckpoint."""
    try:
        loaded = Predictor(checkpoint_of(version), settings.MNIST_ENGINE)
    except KeyError as error:
        raise DamagedCheckpoint(f"The facts of {version} lack {error}.") from error
    loaded.warm_up()
    return loaded


def checkpoint_of(version: ModelVersion) -> Checkpoint:
    """A version's files on this machine, fetched when they are not. Raises OSError."""
    return Checkpoint(registry.locate(version), version.name, version.facts)


def _first() -> Predictor:
    """Load the active version because nothing is loaded yet. Raises NotReady."""
    with _lock:
        if Serving.active is None:
            try:
                look()
            except DatabaseError as error:  # not migrated, or away: better the shipped network
                logger.warning("The database does not say which version is active: %s", error)
                load_shipped()
        if Serving.active is None:
            raise NotReady(Serving.problem)
        return Serving.active


def load_shipped() -> None:
    """Answer with the shipped network, until it is known which version is active.

    Makes no query. Without a network the problem says so.
    """
    try:
        Serving.active = open_version(registry.shipped())
    except LookupError as error:
        Serving.problem = str(error)
    except (OSError, ValueError) as error:
        Serving.problem = "The shipped network cannot be loaded."
        logger.error("%s %s", Serving.problem, error)


def look() -> None:
    """Ask which version is active; load it beside the one that answers, then swap.

    One that cannot be loaded leaves the other answering. Raises DatabaseError.
    """
    try:
        version = registry.active()
    except (LookupError, ValueError) as error:
        Serving.problem = str(error)
        return
    if Serving.active and Serving.active.version == version.name:
        Serving.problem = ""
    elif not _failed_lately(version.name):
        _swap(version)


def _failed_lately(name: str) -> bool:
    failed, at = Serving.failed
    return name == failed and time.monotonic() < at + RETRY_AFTER_S


def _swap(version: ModelVersion) -> None:
    try:
        loaded = _load(version.name)
    except (OSError, DamagedCheckpoint) as error:
        Serving.failed = version.name, time.monotonic()
        Serving.problem = f"Version {version.name} is active but cannot be loaded."
        logger.error("%s %s", Serving.problem, error)
        registry.note_problem(version, f"{socket.gethostname()}: {error}")
        return
    registry.row(version.name)  # so that no request has to ask
    Serving.active, Serving.problem = loaded, ""
    logger.info("Version %s answers.", version.name)
    if Serving.failed[0] == version.name:
        registry.note_problem(version, "")


def start() -> None:
    """Load the active version and keep up with it; for a process that is about to serve."""
    try:
        if settings.MNIST_PRELOAD != "never":
            look()
    except DatabaseError as error:
        logger.warning("The database does not say which version is active yet: %s", error)
    follow()


def follow() -> None:
    """Keep up with which version is active, from a thread of its own."""
    Serving.following = True
    threading.Thread(target=_follow, name="follow-active-version", daemon=True).start()


def _follow() -> None:
    away = False
    while True:
        time.sleep(ASK_EVERY_S)
        close_old_connections()  # one that broke is opened anew
        try:
            look()
            away = False
        except DatabaseError as error:
            if not away:  # said once, not every second
                logger.warning("The database does not say which version is active: %s", error)
            away = True
        except Exception:  # whatever it is, ask again: this thread must not end
            logger.exception("Cannot find out which version is active.")


def forget() -> None:
    """Drop what is loaded."""
    Serving.active, Serving.problem, Serving.failed = None, "", ("", 0.0)
    _load.cache_clear()


def _after_fork() -> None:
    """Interpreters and threads do not survive a fork."""
    forget()
    if Serving.following:
        follow()


os.register_at_fork(after_in_child=_after_fork)


def read_sample() -> Guess:
    """Read a picture of our own, to see that it can be done. Raises NotReady."""
    return predictor().read(_sample())


@lru_cache(maxsize=1)
def _sample() -> bytes:
    pixels = np.full((64, 64), 255, np.uint8)
    pixels[12:52, 29:35] = 0  # a one
    return picture.as_png(pixels)


def steps(upload: bytes) -> list[tuple[str, np.ndarray]]:
    """What preprocessing does to an upload: each step's name and result. Raises InvalidImage."""
    shown = []
    try:
        steps_of = predictor().prepare
    except NotReady:
        steps_of = prepare  # in its first reading, for the network chooses among the others
    steps_of(upload, lambda name, pixels: shown.append((name, pixels)))
    return shown


def occlusion(version: str, pixels: np.ndarray, digit: int) -> np.ndarray:
    """What an answer rests on, shown on the (28, 28) pixels; (28, 28, 3) uint8.

    Raises NotReady when the version is gone.
    """
    return explain.overlay(pixels, explain.occlusion(predictor(version), pixels, digit))


def png(pixels: np.ndarray) -> bytes:
    """Pixels, (h, w) or (h, w, 3) uint8, as a PNG file."""
    return picture.as_png(pixels)


def data_address(pixels: np.ndarray) -> str:
    """The same as an address that needs no request."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def thumbnail(upload: bytes, side: int) -> bytes:
    """An upload drawn anew as a PNG file of at most `side` pixels. Raises InvalidImage."""
    return picture.thumbnail(upload, side)
