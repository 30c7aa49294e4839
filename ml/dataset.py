"""MNIST, and files like it, as arrays."""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

VALIDATION_IMAGES = 5_000
FEWEST = 100  # images that a training makes sense with


class Arrays(NamedTuple):
    """Pictures (n, h, w) uint8 and the digits they show (n,) int64."""

    pixels: np.ndarray
    digits: np.ndarray


def load_mnist(path: Path | None = None) -> tuple[Arrays, Arrays]:
    """MNIST's training and test images, from an .npz file or downloaded by Keras.

    Pixels are (n, 28, 28) uint8, ink high. Raises OSError when there is no such file or the
    download fails, ValueError when the file holds something else or fewer than FEWEST images.
    """
    if path is None:
        parts = _download()
    else:
        with _open(path) as file:
            parts = [
                (_member(file, path, f"x_{part}"), _member(file, path, f"y_{part}"))
                for part in ("train", "test")
            ]
    training, test = (_framed(_checked(*part)) for part in parts)
    if len(training.digits) < FEWEST:
        raise ValueError(
            f"Expected at least {FEWEST} images to train on, received {len(training.digits)}."
        )
    return training, test


def _framed(images: Arrays) -> Arrays:
    if images.pixels.shape[1:] != (28, 28):
        raise ValueError(f"Expected 28x28 pixels, received {images.pixels.shape[1:]}.")
    return images


def _download() -> tuple:
    from keras.datasets import mnist  # imports TensorFlow

    try:
        return mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception when its download fails
        raise OSError(
            "MNIST could not be downloaded. Get mnist.npz (11 MB) on a machine with internet "
            "access, from the address that keras.datasets.mnist documents, copy it here and "
            "name it: --data mnist.npz, or MNIST_DATA"
        ) from error


def load_labelled(path: Path) -> Arrays:
    """The pictures to measure on in an .npz file: its `x_test`, `y_test` or its `x`, `y`.

    Raises OSError and ValueError as `load_mnist`.
    """
    with _open(path) as file:
        suffix = "_test" if "x_test" in file else ""
        return _checked(_member(file, path, f"x{suffix}"), _member(file, path, f"y{suffix}"))


def _open(path: Path) -> np.lib.npyio.NpzFile:
    try:
        file = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} is not a whole .npz file of arrays.") from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} is not a whole .npz file of arrays.")
    return file


def _member(file: np.lib.npyio.NpzFile, path: Path, name: str) -> np.ndarray:
    if name not in file:
        raise ValueError(f"Expected {name} in {path}, found {', '.join(file) or 'nothing'}.")
    return file[name]


def _checked(pixels: np.ndarray, digits: np.ndarray) -> Arrays:
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"Expected pictures as (n, h, w) uint8, received {pixels.shape} {pixels.dtype}."
        )
    if not len(pixels):
        raise ValueError("Expected pictures, found none.")
    if digits.shape != (len(pixels),) or digits.dtype.kind not in "iu":
        raise ValueError(
            f"Expected {len(pixels)} integer labels, received {digits.shape} {digits.dtype}."
        )
    if digits.min() < 0 or digits.max() > 9:
        raise ValueError(f"Expected labels 0 to 9, found {digits.min()} to {digits.max()}.")
    return Arrays(pixels, digits.astype(np.int64))


def split_validation(train: Arrays, seed: int) -> tuple[Arrays, Arrays]:
    """Put VALIDATION_IMAGES of the training images (at most a tenth) aside; the rest first."""
    order = np.random.default_rng(seed).permutation(len(train.digits))
    held = order[: min(VALIDATION_IMAGES, len(order) // 10)]
    rest = np.setdiff1d(order, held)
    return (
        Arrays(train.pixels[rest], train.digits[rest]),
        Arrays(train.pixels[held], train.digits[held]),
    )
