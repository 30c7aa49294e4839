"""Paper with printed lines: squared, ruled, dotted, music; straight, tilted, in perspective."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from .canvas import between, finished, grain, hue, layer, light, sheet, write

PITCH = (8, 100)  # pixels from line to line
THICKNESS = (1, 4)  # pixels
CONTRAST = (0.1, 0.6)  # of 255
TILT = 5  # degrees at most
Generate = Callable[[np.ndarray, np.random.Generator], np.ndarray]
PATTERNS = ("squared", "ruled", "dotted", "music")


class Print(NamedTuple):
    """What is printed on the paper, and how the paper lies before the camera."""

    pattern: str
    pitch: float
    thickness: float
    tilt: float = 0  # degrees
    lean: tuple[float, float] = (0, 0)  # perspective: by how much sizes change to each side


def printed(shape: tuple[int, int], what: Print, rng: np.random.Generator) -> np.ndarray:
    """Where the print covers the paper; (h, w) float32, 0 to 1."""
    across, down = flattened(shape, what)
    offset = rng.uniform(0, what.pitch, 2)
    rows = distance(down - offset[0], what.pitch)
    columns = distance(across - offset[1], what.pitch)
    if what.pattern == "ruled":
        return covered(rows, what.thickness)
    if what.pattern == "squared":
        return np.maximum(covered(rows, what.thickness), covered(columns, what.thickness))
    if what.pattern == "dotted":
        return covered(np.hypot(rows, columns), what.thickness + 1)
    gap = between(rng, 4, 8)  # from staff to staff, in pitches beyond a line
    inside = (down - offset[0] + what.pitch / 2) % ((4 + gap) * what.pitch) < 5 * what.pitch
    return covered(rows, what.thickness) * inside


def flattened(shape: tuple[int, int], what: Print) -> tuple[np.ndarray, np.ndarray]:
    """Where on the paper each pixel lies: (across, down), each (h, w), in pixels."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x - width / 2, y - height / 2
    cos, sin = np.cos(np.radians(what.tilt)), np.sin(np.radians(what.tilt))
    x, y = cos * x + sin * y, cos * y - sin * x
    depth = 1 + what.lean[0] * x / width + what.lean[1] * y / height
    return x / depth + width, y / depth + height


def distance(along: np.ndarray, pitch: float) -> np.ndarray:
    """The distance to the nearest line of a family, in pixels."""
    return np.abs((along + pitch / 2) % pitch - pitch / 2)


def covered(distances: np.ndarray, thickness: float) -> np.ndarray:
    return np.clip(thickness / 2 + 0.5 - distances, 0, 1).astype(np.float32)


def inks(rng: np.random.Generator, other_hue: bool) -> tuple[np.ndarray, np.ndarray]:
    """The colours of the print and the pen: the pen is darker, or of another hue."""
    while True:
        names = [("black", "blue", "red", "green", "violet")[rng.integers(5)] for _ in range(2)]
        line, pen = hue(names[0]) * between(rng, *CONTRAST), hue(names[1]) * between(rng, 0.35, 1)
        if other_hue and "black" not in names and names[0] != names[1]:
            return line, pen
        if not other_hue and pen.mean() - line.mean() >= 0.2:
            return line, pen


def draw(
    image: np.ndarray,
    rng: np.random.Generator,
    pattern: str = "",
    *,
    tilted: bool = False,
    leaning: bool = False,
    margin: bool = False,
    other_hue: bool = False,
) -> np.ndarray:
    """A digit on printed paper; any pattern unless one is given."""
    paper = sheet(rng)
    shape = paper.shape[:2]
    pattern = pattern or PATTERNS[rng.integers(4)]
    pitch = float(np.exp(between(rng, *np.log(PITCH))))
    if pattern == "music":
        pitch = min(pitch, min(shape) / 8)
    thickness = min(between(rng, *THICKNESS), pitch / 5)
    tilt = between(rng, -TILT, TILT) if tilted else 0
    lean = tuple(rng.uniform(-0.3, 0.3, 2)) if leaning else (0, 0)
    what = Print(pattern, pitch, max(1, thickness), tilt, lean)
    line, pen = inks(rng, other_hue)
    picture = write(paper, printed(shape, what, rng), line)
    if margin:
        picture = with_margin(picture, what, rng)
    picture = write(picture, layer(image, shape, rng), pen)
    return finished(grain(picture * light(shape, rng, 0.8), rng))


def with_margin(picture: np.ndarray, what: Print, rng: np.random.Generator) -> np.ndarray:
    """A line from top to bottom near a side, in a colour of its own."""
    across, _ = flattened(picture.shape[:2], what)
    width = picture.shape[1]
    place = width + width * between(rng, 0.3, 0.42) * (1 if rng.random() < 0.5 else -1)
    line = covered(np.abs(across - place), between(rng, *THICKNESS))
    return write(picture, line, hue("red") * between(rng, 0.2, 0.6))


def issue_row(
    pitch: int, grey: int, *, side: int = 256, wide: int = 1, shift: int = 0, ruled=False
):
    """The lines of the issue's table: exact ones on white, under black ink that fills the frame."""

    def generate(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        paper = np.full((side, side), 255, np.uint8)
        for offset in range(shift, shift + wide):
            paper[offset::pitch] = grey
            if not ruled:
                paper[:, offset::pitch] = grey
        ink = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
        return np.minimum(paper, 255 - ink)

    return generate


KINDS = {
    **{
        pattern: lambda image, rng, pattern=pattern: draw(image, rng, pattern)
        for pattern in PATTERNS
    },
    "tilted": lambda image, rng: draw(image, rng, tilted=True),
    "perspective": lambda image, rng: draw(image, rng, tilted=True, leaning=True),
    "margin line": lambda image, rng: draw(image, rng, margin=True, tilted=True),
    "other hue": lambda image, rng: draw(image, rng, other_hue=True, tilted=True),
}
ISSUE = {
    "issue: squared, 24 of 256, grey 150": issue_row(24, 150),
    "issue: the same, shifted by 7": issue_row(24, 150, shift=7),
    "issue: squared, 48, grey 150, 2 thick": issue_row(48, 150, wide=2),
    "issue: squared, 48, grey 200, 2 thick": issue_row(48, 200, wide=2),
    "issue: squared, 48 of 512, grey 170, 2 thick": issue_row(48, 170, side=512, wide=2),
    "issue: ruled, 32, grey 150": issue_row(32, 150, ruled=True),
}
