"""A predictor and labelled pictures to answers, and answers to figures."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import calibrate
from .header import InvalidImage
from .picture import as_png
from .predict import Guess, Predictor
from .preprocess import SIDE, Prepared, attempt

BULK = 64  # pictures prepared before the network is asked


class Kept(NamedTuple):
    """Addresses of a picture that a site keeps and shows itself: its page's, and its own."""

    page: str
    picture: str


class Labelled(NamedTuple):
    """One picture to measure on."""

    name: str
    digit: int
    source: Path | np.ndarray | Kept  # the file, the array as it was given, or where it is kept
    prepared: Prepared | InvalidImage  # what the network sees, or why it sees nothing


class Answers(NamedTuple):
    """What a predictor said of a set of pictures, None of a refused one."""

    name: str
    pictures: list[Labelled]
    guesses: list[Guess | None]

    def mistakes(self) -> list[tuple[Labelled, Guess | None]]:
        """The pictures that were refused or read as another digit."""
        return [
            (picture, guess)
            for picture, guess in zip(self.pictures, self.guesses, strict=True)
            if guess is None or guess.digit != picture.digit
        ]


def from_arrays(pixels: np.ndarray, digits: np.ndarray, as_uploads: bool) -> Iterator[Labelled]:
    """Arrays (n, h, w) uint8: framed ones as they are, others as PNG uploads."""
    direct = not as_uploads and are_framed(pixels)
    for index, (image, digit) in enumerate(zip(pixels, digits, strict=True)):
        prepared = Prepared(image, several=False) if direct else attempt(as_png(image))
        yield Labelled(str(index), int(digit), image, prepared)


def are_framed(pixels: np.ndarray) -> bool:
    """Whether (n, h, w) pictures are 28x28 with bright ink, as a network takes them."""
    return pixels.shape[1:] == (SIDE, SIDE) and has_bright_ink(pixels)


def has_bright_ink(pixels: np.ndarray) -> bool:
    """Whether (n, h, w) pictures are bright on dark, by what their borders mostly are."""
    border = np.concatenate(
        [pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1
    )
    return float(np.median(border)) < 128


def from_folder(folder: Path) -> Iterator[Labelled]:
    """The pictures below a folder whose names tell a digit, through the pipeline of an upload.

    Raises FileNotFoundError when there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    return (
        Labelled(str(path.relative_to(folder)), digit, path, attempt(path.read_bytes()))
        for path, digit in _labelled(folder)
    )


def _labelled(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in sorted(folder.rglob("*")):
        digit = label_of(path)
        if path.is_file() and digit is not None:
            yield path, digit


def label_of(path: Path) -> int | None:
    """The digit a picture shows: its folder's name if that is one, else its own first character."""
    for name in (path.parent.name, path.name[:1]):
        if len(name) == 1 and name in "0123456789":
            return int(name)
    return None


def ask(name: str, pictures: Iterable[Labelled], predictor: Predictor) -> Answers:
    """Let a predictor answer for each picture."""
    answers = Answers(name, [], [])
    pictures = iter(pictures)
    while chunk := list(islice(pictures, BULK)):
        prepared = [picture.prepared for picture in chunk]
        guesses = iter(predictor.guess([each for each in prepared if isinstance(each, Prepared)]))
        answers.pictures.extend(_released(picture) for picture in chunk)
        answers.guesses.extend(
            next(guesses) if isinstance(each, Prepared) else None for each in prepared
        )
    return answers


def _released(picture: Labelled) -> Labelled:
    """The picture without its upload, which `others` holds: sets of photos do not fit in memory."""
    if isinstance(picture.prepared, InvalidImage):
        return picture
    return picture._replace(prepared=picture.prepared._replace(others=tuple))


def figures(answers: Answers) -> dict:
    """Accuracy and calibration, as fractions. A refused picture counts as wrong."""
    read = [guess is not None for guess in answers.guesses]
    guesses = [guess for guess in answers.guesses if guess is not None]
    images = len(answers.pictures)
    summary = {"name": answers.name, "images": images, "refused": images - len(guesses)}
    if not guesses:
        return summary | {"correct": 0, "accuracy": 0.0}
    digits = np.array([picture.digit for picture in answers.pictures])[read]
    probabilities = np.stack([guess.probabilities for guess in guesses])
    correct = probabilities.argmax(axis=1) == digits
    certain = np.array([not guess.reason for guess in guesses])
    return summary | {
        "correct": int(correct.sum()),
        "accuracy": round(float(correct.sum()) / images, 6),
        "certain": round(float(certain.sum()) / images, 6),
        "accuracy_of_certain": round(float(correct[certain].mean()), 6) if certain.any() else None,
        "certain_of_correct": round(float(certain[correct].mean()), 6) if correct.any() else None,
        "calibration_error": round(calibrate.calibration_error(probabilities, digits), 6),
    }
