"""How fast `classify DIR` reads a folder, beside nothing but decoding and the network.

    python benchmarks/bulk.py [--mnist mnist.npz] [--processes 2] [--rounds 10]

The folder has 10,000 PNGs of 28x28 pixels: MNIST's test images, or drawings of our own in its
frame. Beside it the same processes, warmed up, each with its half of the files: `cv2.imread` of
all of them, then our network on the arrays, 64 at a time, and nothing told or checked. The
command is timed as a whole but for the start of Python and Django; so is it with `--keep`.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
KEPT = tempfile.TemporaryDirectory(prefix="bulk-")
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "mnistsite.settings",
    "DATABASE_URL": f"sqlite:///{KEPT.name}/db.sqlite3",
    "MEDIA_ROOT": f"{KEPT.name}/media",
    "LOG_LEVEL": "WARNING",
}

import cv2
import django
import numpy as np

django.setup()

from django.core.management import call_command

from classifier import bulk
from classifier.models import Prediction
from ml import augment, checkpoint, predict
from ml.preprocess import crop, frame

WEIGHTS = ROOT / "ml" / "weights"
PICTURES = 10_000
BATCH = 64
network = None  # of a process that decodes and asks it, and does nothing else


def make_folder(folder: Path, mnist: str) -> None:
    """The pictures as grey PNGs."""
    folder.mkdir()
    if mnist:
        pixels = np.load(mnist)["x_test"][:PICTURES]
    else:
        rng = np.random.default_rng(0)
        drawn, _ = augment.drawn_digits(PICTURES, augment.displacements(rng), rng)
        pixels = [frame(crop(picture)) for picture in drawn]  # some are worn, and misplaced
    for number, picture in enumerate(pixels):
        cv2.imwrite(str(folder / f"{number:05}.png"), picture)


def load() -> None:
    global network
    (facts,) = WEIGHTS.glob("*.json")
    network = predict.LiteRT(checkpoint.load_compiled(checkpoint.read(WEIGHTS, facts.stem)))
    network(np.zeros((BATCH, 28, 28, 1), np.float32))


def decode_and_ask(paths: list[str]) -> int:
    """What the command is compared with."""
    grey = [cv2.imread(path, cv2.IMREAD_GRAYSCALE) for path in paths]
    pixels = np.stack(grey)[..., np.newaxis].astype(np.float32)
    for start in range(0, len(pixels), BATCH):
        network(pixels[start : start + BATCH])
    return len(pixels)


def timed(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default=os.environ.get("MNIST_DATA", ""))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    folder = Path(KEPT.name, "pictures")
    make_folder(folder, options.mnist)
    paths = [str(path) for path in bulk.files(folder)]
    halves = [paths[start :: options.processes] for start in range(options.processes)]

    with (
        ProcessPoolExecutor(options.processes, initializer=load) as pool,
        open(os.devnull, "w") as nowhere,
    ):

        def classify(**how) -> None:
            call_command(
                "classify",
                folder,
                processes=options.processes,
                stdout=nowhere,
                stderr=nowhere,
                **how,
            )

        ways = {
            "decoding and the network": lambda: list(pool.map(decode_and_ask, halves)),
            "classify": classify,
            "classify --keep": lambda: classify(keep=True),
        }
        rounds = [
            {name: timed(call) for name, call in ways.items()} for _ in range(options.rounds + 1)
        ][1:]
    assert Prediction.objects.count() == PICTURES * (options.rounds + 1)
    for name in ways:
        took = [each[name] for each in rounds]
        ratios = [each["decoding and the network"] / each[name] for each in rounds]
        print(
            f"{name:24}  {PICTURES / statistics.median(took):6.0f} pictures/s"
            f" ({PICTURES / max(took):.0f} to {PICTURES / min(took):.0f})"
            f"  {statistics.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
