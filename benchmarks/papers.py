"""How well pictures of every kind are read: printed paper, edges, scenes, and plain ones beside.

    python benchmarks/papers.py [--data mnist.npz] [--kinds lines edges squared] [--count 1000]

Draws the same digits into pictures of each kind (benchmarks/kinds), the same ones for the same
`--seed`, and reads them as uploads. Without `--data`, an .npz with MNIST's test images as
`x_test`, `y_test`, they are drawings of our own. Prints for each kind, and for each group, how
many are right, certain, certain and wrong, refused.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.kinds import GROUPS, KINDS
from ml import checkpoint
from ml.drawing import draw_digit
from ml.header import InvalidImage
from ml.picture import as_png
from ml.predict import Guess, Predictor
from ml.preprocess import crop, frame
from ml.report import wilson

WEIGHTS = Path(__file__).parents[1] / "ml" / "weights"
Images = tuple[np.ndarray, np.ndarray]  # (n, 28, 28) uint8 and their digits


def load(data: str, count: int, seed: int) -> Images:
    """So many images of MNIST in random order, or drawings of our own."""
    rng = np.random.default_rng(seed)
    if data:
        with np.load(data) as arrays:
            chosen = rng.permutation(len(arrays["y_test"]))[:count]
            return arrays["x_test"][chosen], arrays["y_test"][chosen]
    digits = np.arange(count) % 10
    return np.array([frame(crop(draw_digit(digit, rng))) for digit in digits]), digits


def pictures(kind: str, images: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """The images drawn into pictures of a kind; each has random numbers of its own."""
    for number, image in enumerate(images):
        yield KINDS[kind](image, np.random.default_rng([seed, zlib.crc32(kind.encode()), number]))


def read(predictor: Predictor, picture: np.ndarray) -> Guess | InvalidImage:
    try:
        return predictor.read(as_png(picture))
    except InvalidImage as refusal:
        return refusal


def count_up(digits: np.ndarray, answers: list[Guess | InvalidImage]) -> dict:
    """What came of the pictures of one kind, as numbers of pictures."""
    guesses = [
        (digit, each) for digit, each in zip(digits, answers, strict=True) if type(each) is Guess
    ]
    certain = [(digit, each) for digit, each in guesses if each.status == "certain"]
    return {
        "pictures": len(answers),
        "right": sum(each.digit == digit for digit, each in guesses),
        "certain": len(certain),
        "certain and wrong": sum(each.digit != digit for digit, each in certain),
        "refused": len(answers) - len(guesses),
    }


def total(rows: list[dict]) -> dict:
    return {name: sum(row[name] for row in rows) for name in rows[0]}


def describe(name: str, row: dict) -> str:
    count, cells = row["pictures"], [f"{name:44}"]
    for column in ("right", "certain", "certain and wrong", "refused"):
        low, high = wilson(row[column], count)
        share = f"{100 * row[column] / count:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        cells.append(f"{row[column]:5} {share:22}")
    return "".join(cells)


def chosen_kinds(names: list[str]) -> dict[str, list[str]]:
    """The kinds of each group, where `names` are groups or kinds; none means all."""
    groups = {
        group: [kind for kind in kinds if not names or group in names or kind in names]
        for group, kinds in GROUPS.items()
    }
    return {group: kinds for group, kinds in groups.items() if kinds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="", help="an .npz with x_test and y_test")
    parser.add_argument("--kinds", nargs="*", default=[], help="groups or kinds; default: all")
    parser.add_argument("--count", type=int, default=250, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    options = parser.parse_args()
    (facts,) = WEIGHTS.glob("*.json")
    predictor = Predictor(checkpoint.read(WEIGHTS, facts.stem))
    images, digits = load(options.data, options.count, options.seed)
    report: dict[str, dict] = {}
    if not options.json:
        columns = ("right, % (95 %)", "certain", "certain and wrong", "refused")
        print(f"{'kind':44}" + "".join(f"{column:28}" for column in columns))
    for group, kinds in chosen_kinds(options.kinds).items():
        for kind in kinds:
            shown = pictures(kind, images, options.seed)
            report[kind] = count_up(digits, [read(predictor, each) for each in shown])
            if not options.json:
                print(describe(kind, report[kind]), flush=True)
        whole = f"all of {group}"
        report[whole] = total([report[kind] for kind in kinds])
        if not options.json:
            print(describe(whole, report[whole]) + "\n", flush=True)
    if options.json:
        print(json.dumps({"version": predictor.version, "seed": options.seed, "kinds": report}))


if __name__ == "__main__":
    main()
