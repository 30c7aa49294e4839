"""The door to `ml`: bytes in, a guess out. Nothing else here knows what a picture is."""

import base64
import os
import threading
from collections.abc import Sequence

import numpy as np
from django.conf import settings

from ml import checkpoint, explain, picture
from ml.header import InvalidImage, inspect
from ml.predict import Guess, Predictor
from ml.preprocess import prepare

from . import registry

__all__ = ["Guess", "InvalidImage", "NotReady", "inspect"]

_loaded: dict[str, Predictor] = {}
_lock = threading.Lock()


class NotReady(RuntimeError):
    """There is no version that could answer; the message says why."""


def classify(upload: bytes) -> Guess:
    """Read the digit in a picture. Raises InvalidImage and NotReady."""
    return predictor().read(upload)


def classify_many(uploads: Sequence[bytes]) -> list[Guess | InvalidImage]:
    """Read several pictures at once; a refusal stands where its guess would. Raises NotReady."""
    return predictor().read_many(uploads)


def predictor(name: str = "") -> Predictor:
    """The version of this name, or the active one; loaded when it is first asked for.

    Raises NotReady when it is missing or damaged.
    """
    try:
        name = name or registry.active()
        if name not in _loaded:
            with _lock:
                if name not in _loaded:
                    _loaded[name] = _load(name)
        return _loaded[name]
    except (LookupError, OSError, checkpoint.DamagedCheckpoint) as error:
        raise NotReady(str(error)) from error


def _load(name: str) -> Predictor:
    loaded = Predictor(checkpoint.read(registry.locate(name), name), settings.MNIST_ENGINE)
    loaded.warm_up()
    return loaded


def forget() -> None:
    """Drop what is loaded; interpreters do not survive a fork."""
    _loaded.clear()


os.register_at_fork(after_in_child=forget)


def steps(upload: bytes) -> list[tuple[str, np.ndarray]]:
    """What preprocessing does to an upload: each step's name and result. Raises InvalidImage."""
    shown = []
    prepare(upload, lambda name, pixels: shown.append((name, pixels)))
    return shown


def occlusion(version: str, pixels: np.ndarray, digit: int) -> np.ndarray:
    """What an answer rests on, shown on the (28, 28) pixels; (28, 28, 3) uint8.

    Raises NotReady when the version is gone.
    """
    return explain.overlay(pixels, explain.occlusion(predictor(version), pixels, digit))


def data_address(pixels: np.ndarray) -> str:
    """Pixels, (h, w) or (h, w, 3) uint8, as the address of a PNG that needs no request."""
    return "data:image/png;base64," + base64.b64encode(picture.as_png(pixels)).decode()


def thumbnail(upload: bytes, side: int) -> bytes:
    """An upload drawn anew as a PNG file of at most `side` pixels. Raises InvalidImage."""
    return picture.thumbnail(upload, side)
