"""A predictor and labelled pictures to figures."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from . import calibrate
from .header import InvalidImage
from .predict import Predictor
from .preprocess import SIDE, prepare

BULK = 256  # pictures prepared before the network is asked


class Labelled(NamedTuple):
    """One picture to measure on: prepared pixels (28, 28), or None where it was refused."""

    pixels: np.ndarray | None
    digit: int


def from_arrays(pixels: np.ndarray, digits: np.ndarray, as_uploads: bool) -> Iterator[Labelled]:
    """Arrays (n, h, w) uint8: 28x28 with bright ink as they are, others as PNG uploads."""
    direct = not as_uploads and pixels.shape[1:] == (SIDE, SIDE) and has_bright_ink(pixels)
    for image, digit in zip(pixels, digits, strict=True):
        yield Labelled(image if direct else _prepared(as_png(image)), int(digit))


def has_bright_ink(pixels: np.ndarray) -> bool:
    """Whether (n, h, w) pictures are bright on dark, by what their borders mostly are."""
    border = np.concatenate(
        [pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1
    )
    return float(np.median(border)) < 128


def as_png(pixels: np.ndarray) -> bytes:
    """Encode (h, w) or (h, w, 3) uint8 pixels as a PNG file."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def from_files(paths: Iterable[tuple[Path, int]]) -> Iterator[Labelled]:
    """Pictures on disk and their digits, through the pipeline of an upload."""
    for path, digit in paths:
        yield Labelled(_prepared(path.read_bytes()), digit)


def _prepared(upload: bytes) -> np.ndarray | None:
    try:
        return prepare(upload).pixels
    except InvalidImage:
        return None


def label_of(path: Path) -> int | None:
    """The digit a picture shows: its folder's name if that is one, else its own first character."""
    for name in (path.parent.name, path.name[:1]):
        if len(name) == 1 and name in "0123456789":
            return int(name)
    return None


def labelled_files(folder: Path) -> list[tuple[Path, int]]:
    """The files below a folder whose names tell a digit, in order.

    Raises FileNotFoundError when there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    found = []
    for path in sorted(folder.rglob("*")):
        digit = label_of(path)
        if path.is_file() and digit is not None and not path.name.startswith("."):
            found.append((path, digit))
    return found


def measure(name: str, pictures: Iterable[Labelled], predictor: Predictor) -> dict:
    """Accuracy and calibration of a predictor; a refused picture counts as wrong."""
    digits, refused, logits = [], 0, []
    for chunk in _chunks(pictures):
        readable = [picture for picture in chunk if picture.pixels is not None]
        refused += len(chunk) - len(readable)
        digits += [picture.digit for picture in readable]
        if readable:
            pixels = np.stack([picture.pixels for picture in readable])
            logits.append(predictor.logits(pixels))
    if not digits:
        return {"name": name, "images": refused, "refused": refused, "accuracy": 0.0}
    return {"name": name} | _figures(np.concatenate(logits), np.array(digits), refused, predictor)


def _chunks(pictures: Iterable[Labelled]) -> Iterator[list[Labelled]]:
    chunk = []
    for picture in pictures:
        chunk.append(picture)
        if len(chunk) == BULK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _figures(logits: np.ndarray, digits: np.ndarray, refused: int, predictor: Predictor) -> dict:
    probabilities = calibrate.digit_probabilities(logits, predictor.temperature)
    correct = probabilities.argmax(axis=1) == digits
    certain = np.array(predictor.reasons(logits)) == ""
    images = len(digits) + refused
    return {
        "images": images,
        "refused": refused,
        "correct": int(correct.sum()),
        "accuracy": round(float(correct.sum()) / images, 6),
        "certain": round(float(certain.sum()) / images, 6),
        "accuracy_of_certain": round(float(correct[certain].mean()), 6) if certain.any() else None,
        "calibration_error": round(calibrate.calibration_error(probabilities, digits), 6),
    }
