"""Draws the pictures of reading.md from our own fixtures; run it from the project's folder."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from ml import explain  # noqa: E402
from ml.checkpoint import Checkpoint  # noqa: E402
from ml.predict import Predictor  # noqa: E402
from ml.preprocess import prepare  # noqa: E402

SIDE, GAP = 160, 10  # pixels


def main():
    facts = json.loads(next(DOCS.parent.glob("ml/weights/*.json")).read_text())
    predictor = Predictor(Checkpoint(DOCS.parent / "ml" / "weights", facts["name"], facts))
    seen = []
    for name in ("7_ballpoint.jpg", "5_chalk.jpg"):
        upload, steps = (DOCS.parent / "fixtures" / "digits" / name).read_bytes(), []
        guess = predictor.read(upload)
        prepare(upload, lambda step, pixels, steps=steps: steps.append(pixels))
        save(f"reading-{name.split('_')[1].split('.')[0]}.png", steps, columns=4)
        fall = explain.occlusion(predictor, guess.pixels, guess.digit)
        seen += [guess.pixels, explain.overlay(guess.pixels, fall)]
    save("reading-occlusion.png", seen, columns=4)


def save(name: str, pictures: list[np.ndarray], columns: int) -> None:
    """Write pictures side by side, in rows, each in a square."""
    tiles = [square(picture) for picture in pictures]
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    quality = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    cv2.imwrite(str(DOCS / "pictures" / name), np.vstack(rows)[:-GAP, :-GAP], quality)


def square(picture: np.ndarray) -> np.ndarray:
    """A picture within SIDE by SIDE pixels, and a gap to the right and below; 4 channels."""
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    scale = SIDE / max(picture.shape[:2])
    kind = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind)
    tile = np.zeros((SIDE + GAP, SIDE + GAP, 4), np.uint8)
    top, left = ((SIDE - size) // 2 for size in picture.shape[:2])
    height, width = picture.shape[:2]
    tile[top : top + height, left : left + width] = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    return tile


if __name__ == "__main__":
    main()
