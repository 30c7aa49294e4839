"""Digits that touch the edges of their picture: one to four of them, at any size."""

import cv2
import numpy as np

from .canvas import between, cut_to_ink, dark_pen, finished, grain, sheet, strokes, write

SIZES = (16, 500)  # pixels, the height of the digit


def touching(image: np.ndarray, rng: np.random.Generator, edges: int) -> np.ndarray:
    """A digit that reaches so many edges of its picture, dark on light or light on dark."""
    height = int(np.exp(between(rng, *np.log(SIZES))))
    digit = strokes(image, height, between(rng, 1, 3))
    free = np.ones(4, bool)  # top, bottom, left, right
    free[rng.permutation(4)[:edges]] = False
    room = rng.uniform(0.05, 0.4, 4) * free * max(digit.shape)
    ink = cv2.copyMakeBorder(digit, *np.ceil(room).astype(int).tolist(), cv2.BORDER_CONSTANT)
    if rng.random() < 0.3:  # from a paint program
        picture = 255 * (1 - np.repeat(ink[..., np.newaxis], 3, axis=2))
    else:
        paper = sheet(rng)[:1, :1]
        paper = np.broadcast_to(paper, (*ink.shape, 3))
        picture = grain(write(paper, ink, dark_pen(rng)), rng)
    picture = finished(picture)
    return picture if rng.random() < 0.5 else 255 - picture


def filling(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The digit cut to its ink and enlarged eight times, as in the issue's table."""
    digit = cut_to_ink(image)
    return 255 - cv2.resize(digit, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)


KINDS = {
    f"touching {edges} edge{'s' * (edges > 1)}": (
        lambda image, rng, edges=edges: touching(image, rng, edges)
    )
    for edges in (1, 2, 3, 4)
}
ISSUE = {"issue: the digit fills the picture": filling}
