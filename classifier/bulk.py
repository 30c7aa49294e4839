"""Many pictures, from disk or from a client, a batch at a time."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from . import history, inference, spread
from .inference import Guess, InvalidImage

BATCH_FILES = 256
SMALLEST_PART = 16  # files that are worth a process of their own
BATCH_BYTES = 32 * 1024 * 1024  # what is held in memory before the network is asked


class Upload(NamedTuple):
    """A picture as it was sent, or why it is not one, and what the client calls it."""

    content: bytes | InvalidImage
    name: str = ""


class Reading(NamedTuple):
    """What is told of a picture on disk that was read."""

    digit: int
    confidence: float
    status: str


class Outcome(NamedTuple):
    """A picture on disk and what came of it: an answer, a refusal, or the error of opening it."""

    path: Path
    result: Reading | InvalidImage | OSError


def files(path: Path) -> list[Path]:
    """The file itself, or all files below a folder but hidden ones, in order."""
    return [Path(each) for each in _walk(path)] if path.is_dir() else [path]


def _walk(folder: Path | str) -> Iterator[str]:
    """Paths as texts: `Path.rglob` takes eight times as long."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.is_file():
            yield entry.path


def classify(paths: Sequence[Path], keep: bool = False, processes: int = 1) -> Iterator[Outcome]:
    """Classify files in order; with `keep`, store what was read in the history.

    Several processes share what is more than a few files. Raises NotReady and NotKept.
    """
    size = min(max(SMALLEST_PART, len(paths) // (4 * processes)), BATCH_FILES)
    parts = [[*map(str, paths[start : start + size])] for start in range(0, len(paths), size)]
    if min(processes, len(parts)) > 1:
        answers = spread.over(processes, "classifier.bulk.read_part", parts, keep)
    else:
        answers = (read_part(part, keep) for part in parts)
    return map(Outcome, paths, chain.from_iterable(answers))


def read_part(paths: Sequence[str], keep: bool) -> list[Reading | InvalidImage | OSError]:
    """What comes of each file; with `keep`, what was read is in the history then."""
    return [result for batch in _batches(paths) for result in _read_batch(batch, keep)]


def _read_batch(batch: list, keep: bool) -> list[Reading | InvalidImage | OSError]:
    whole = [each for each in batch if isinstance(each[1], bytes)]
    contents = interruptible([upload for _, upload in whole], spread.stop_if_requested)
    guesses = inference.classify_many(contents)
    if keep:
        answered = [
            (upload, guess, os.path.basename(path))
            for (path, upload), guess in zip(whole, guesses, strict=True)
            if isinstance(guess, Guess)
        ]
        with history.keeping_many(answered):
            pass  # nothing to add
    told = map(_told, guesses)
    return [next(told) if isinstance(upload, bytes) else upload for _, upload in batch]


def _told(guess: Guess | InvalidImage) -> Reading | InvalidImage:
    if isinstance(guess, InvalidImage):
        return guess
    return Reading(guess.digit, guess.confidence, guess.status)


@contextmanager
def answering(
    uploads: Sequence[Upload],
    *,
    version: str = "",
    before_each: Callable[[], object] = lambda: None,
    **facts,
) -> Iterator[list]:
    """Read pictures, then keep them as `history.keeping_many` does, with the facts it takes.

    Gives a Prediction for each, or an InvalidImage. `before_each` is called before a picture is
    read, and raises to end this with nothing kept. Raises UnknownVersion, too, and NotReady.
    """
    started = time.perf_counter()
    whole = [each.content for each in uploads if isinstance(each.content, bytes)]
    guesses = iter(inference.classify_many(interruptible(whole, before_each), version))
    results = [
        next(guesses) if isinstance(each.content, bytes) else each.content for each in uploads
    ]
    answered = [
        (upload.content, result, upload.name)
        for upload, result in zip(uploads, results, strict=True)
        if isinstance(result, Guess)
    ]
    took_us = round((time.perf_counter() - started) * 1e6 / max(len(whole), 1))
    with history.keeping_many(answered, duration_us=took_us, **facts) as kept:
        rows = iter(kept)
        yield [next(rows).prediction() if isinstance(each, Guess) else each for each in results]


def interruptible(contents: Iterable, before_each: Callable[[], object]) -> Iterator:
    """The same contents; before each is read, something may raise."""
    for content in contents:
        before_each()
        yield content


def _batches(paths: Iterable[str]) -> Iterator[list[tuple]]:
    batch, held = [], 0
    for path in paths:
        upload = _read(path)
        batch.append((path, upload))
        held += len(upload) if isinstance(upload, bytes) else 0
        if len(batch) >= BATCH_FILES or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _read(path: str) -> bytes | InvalidImage | OSError:
    """A file's bytes, or what stands in the way of them."""
    most = settings.MNIST_MAX_UPLOAD_BYTES
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return too_large(size) if size > most else file.read(size)
    except OSError as error:
        return error


def too_large(size: int, limit: int = 0) -> InvalidImage:
    """The refusal of a file or a body of this many bytes; without a limit, that of a file."""
    limit = limit or settings.MNIST_MAX_UPLOAD_BYTES
    return InvalidImage("too_large", f"Expected at most {limit} bytes, received {size}.")
