"""Many pictures, from disk or from a client, a batch at a time."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from . import history, inference
from .inference import Guess, InvalidImage

BATCH_FILES = 64
BATCH_BYTES = 32 * 1024 * 1024  # what is held in memory before the network is asked


class Upload(NamedTuple):
    """A picture as it was sent, or why it is not one, and what the client calls it."""

    content: bytes | InvalidImage
    name: str = ""


class Outcome(NamedTuple):
    """A picture on disk and what came of it: a guess, a refusal, or the error of opening it."""

    path: Path
    result: Guess | InvalidImage | OSError


def files(path: Path) -> list[Path]:
    """The file itself, or all files below a folder but hidden ones, in order."""
    if not path.is_dir():
        return [path]
    return sorted(
        each
        for each in path.rglob("*")
        if each.is_file() and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )


def classify(paths: Iterable[Path], keep: bool = False) -> Iterator[Outcome]:
    """Classify files in order; with `keep`, store what was read in the history.

    Raises NotReady and NotKept.
    """
    for batch in _batches(paths):
        uploads = [upload for _, upload in batch if isinstance(upload, bytes)]
        guesses = iter(inference.classify_many(uploads))
        for path, upload in batch:
            if not isinstance(upload, bytes):
                yield Outcome(path, upload)
                continue
            guess = next(guesses)
            if keep and isinstance(guess, Guess):
                history.keep(upload, guess, name=path.name)
            yield Outcome(path, guess)


@contextmanager
def answering(uploads: Sequence[Upload], *, version: str = "", **facts) -> Iterator[list]:
    """Read pictures, then keep them as `history.keeping_many` does, with the facts it takes.

    Gives a Prediction for each, or an InvalidImage. Raises UnknownVersion, too, and NotReady.
    """
    started = time.perf_counter()
    whole = [each.content for each in uploads if isinstance(each.content, bytes)]
    guesses = iter(inference.classify_many(whole, version))
    results = [
        next(guesses) if isinstance(each.content, bytes) else each.content for each in uploads
    ]
    answered = [
        (upload.content, result, upload.name)
        for upload, result in zip(uploads, results, strict=True)
        if isinstance(result, Guess)
    ]
    took_us = round((time.perf_counter() - started) * 1e6 / max(len(whole), 1))
    with history.keeping_many(answered, duration_us=took_us, **facts) as rows:
        kept = iter(rows)
        yield [next(kept) if isinstance(each, Guess) else each for each in results]


def _batches(paths: Iterable[Path]) -> Iterator[list]:
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


def _read(path: Path) -> bytes | InvalidImage | OSError:
    """A file's bytes, or what stands in the way of them."""
    try:
        size = path.stat().st_size
        if size > settings.MNIST_MAX_UPLOAD_BYTES:
            return too_large(size)
        return path.read_bytes()
    except OSError as error:
        return error


def too_large(size: int, limit: int = 0) -> InvalidImage:
    """The refusal of a file or a body of this many bytes; without a limit, that of a file."""
    limit = limit or settings.MNIST_MAX_UPLOAD_BYTES
    return InvalidImage("too_large", f"Expected at most {limit} bytes, received {size}.")
