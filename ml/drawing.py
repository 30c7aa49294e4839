"""Digits and other marks drawn by us: the ways of writing that MNIST hardly shows.

MNIST was written by Americans with one kind of pen. Here are the 1 with a long flag, the crossed
7, the hooked 9, the angular 8, and what is not a digit at all: letters, scribbles, lines.
"""

import cv2
import numpy as np

CANVAS = 72  # pixels; what is drawn here is varied and framed by `augment`
HEIGHT = 44  # pixels of the canvas, of a mark that is as high as others are

# A way of writing is a list of strokes. A stroke goes smoothly through its points (x,y in percent
# of the height, y down); "/" is a corner: the next piece starts where the last one ended.
DIGITS = {
    0: (
        ["35,0 8,20 0,52 12,88 36,100 62,82 70,48 60,14 35,0"],
        ["45,0 10,25 0,65 22,100 55,75 68,35 45,0 30,8"],
        ["30,3 0,30 5,80 35,100 65,75 65,20 40,0 15,12"],
        ["2,0 / 60,0 / 60,100 / 0,100 / 2,0"],
        ["35,0 5,15 0,50 10,88 36,100 62,85 70,50 60,12 35,0", "75,-5 -5,102"],
    ),
    1: (
        ["10,38 45,0 / 45,100"],
        ["0,45 50,0 / 48,100"],
        ["0,60 48,0 / 45,100"],
        ["15,30 50,0 / 35,100"],
        ["0,55 30,30 55,0 / 35,100"],
        ["20,25 45,0 / 45,100", "15,100 75,100"],
        ["5,40 45,0 / 45,100", "10,98 80,100"],
        ["0,50 40,35 55,0 / 55,100"],
        ["0,72 50,0 / 55,100"],
        ["10,28 40,0 / 42,60 50,95 65,92"],
    ),
    2: (
        ["0,22 15,3 42,0 62,20 45,60 0,100 / 70,100"],
        ["0,25 30,0 60,15 55,45 20,85 0,95 10,80 35,92 75,98"],
        ["5,30 20,5 50,3 60,25 40,60 5,90 2,100 20,88 40,98 70,90"],
        ["0,0 / 60,0 / 60,45 / 0,55 / 0,100 / 62,100"],
        ["0,12 30,0 55,10 55,35 30,70 0,100 / 65,96"],
        ["10,35 5,15 35,0 60,20 40,65 10,98 5,85 20,80 45,95 80,85"],
        ["30,38 12,28 18,5 45,0 60,22 40,60 5,92 -5,80 15,75 50,98 80,90"],
        ["0,5 58,0 / 5,95 / 70,98"],
    ),
    3: (
        ["0,15 30,0 58,18 50,42 22,48 / 55,56 65,78 40,100 0,90"],
        ["0,0 / 60,0 / 22,42 55,52 62,78 38,100 0,90"],
        ["5,5 35,0 55,20 40,42 20,48 45,50 65,72 50,98 15,100 0,88"],
        ["0,0 / 60,0 / 60,50 / 15,50", "60,50 60,100 / 0,100"],
        ["0,10 35,0 58,22 20,45 / 60,60 55,95 25,100 0,80 15,72"],
        ["0,5 30,8 62,0 / 30,40 60,55 60,85 30,100 0,95"],
    ),
    4: (
        ["25,0 0,60 / 75,56", "52,25 48,100"],
        ["55,0 0,68 / 80,66", "56,0 54,100"],
        ["60,100 60,0 / 0,65 / 82,65"],
        ["10,0 6,52 / 70,50", "66,0 64,100"],
        ["0,0 0,50 / 65,50", "62,10 62,100"],
        ["35,0 0,62 / 85,48", "60,22 40,100"],
        ["45,0 5,55 / 75,50", "62,30 35,100"],
        ["15,5 0,35 15,52 55,42 62,5 / 58,60 50,100"],
        ["40,0 5,50 / 75,45 / 45,100"],
        ["0,0 3,55 / 90,58", "55,35 58,100"],
        ["50,0 0,56 / 80,55 / 65,100"],
        ["50,0 0,65 / 60,60 78,32 / 60,100"],
        ["65,0 0,62 / 92,60", "72,40 62,100"],
        ["28,0 0,52 18,65 65,48 78,25 / 68,60 55,100"],
        ["55,0 0,70 / 85,68", "60,55 55,100"],
        ["35,0 4,45 6,72 40,76 60,58 66,35 / 60,60 50,100"],
    ),
    5: (
        ["8,0 3,42 / 35,36 60,62 42,95 0,95", "8,0 62,0"],
        ["62,2 / 10,0 / 5,45 / 40,38 62,68 38,100 0,90"],
        ["65,0 15,5 / 8,42 45,45 55,75 30,100 0,92"],
        ["60,0 / 0,0 / 0,48 / 60,48 / 60,100 / 0,100"],
        ["62,0 30,2 10,20 20,42 50,55 52,85 25,100 0,88"],
        ["15,8 5,48 / 40,42 58,70 30,100 0,88", "14,0 70,-6"],
        ["75,5 20,0 / 12,40 50,48 40,90 5,100"],
    ),
    6: (
        ["48,0 12,30 0,70 22,100 52,85 48,58 18,60 2,78"],
        ["55,5 25,5 3,45 5,88 35,100 60,80 45,55 5,70"],
        ["30,0 5,50 8,92 35,100 50,75 30,58 5,75"],
        ["60,0 / 0,0 / 0,100 / 60,100 / 60,50 / 0,50"],
        ["10,0 5,60 15,98 55,98 60,70 35,60 8,80"],
        ["65,0 25,15 0,65 20,100 50,90 45,65 15,65 10,90"],
        ["60,12 45,0 15,20 0,65 25,100 55,80 40,58 5,75"],
    ),
    7: (
        ["0,2 65,0 / 25,100"],
        ["0,12 5,3 62,2 / 35,55 22,100"],
        ["0,2 65,0 / 30,100", "12,52 62,48"],
        ["0,5 62,0 / 38,45 28,100", "5,50 65,55"],
        ["5,18 0,0 / 62,3 / 20,100", "10,45 60,45"],
        ["0,0 / 58,0 / 58,100"],
        ["0,10 20,0 45,8 68,0 / 40,50 30,100"],
        ["0,10 20,0 45,8 68,0 / 35,50 15,100", "8,58 60,48"],
        ["2,20 2,0 / 60,0 / 42,40 38,100"],
        ["0,25 8,3 60,3 / 15,100", "0,54 70,40"],
        ["0,0 45,8 75,-4 / 30,100", "15,60 75,42"],
    ),
    8: (
        ["55,12 30,0 8,18 28,45 55,68 40,98 10,92 5,70 35,45 55,12"],
        ["30,0 8,20 30,45 52,22 30,0", "30,45 0,75 30,100 62,75 30,45"],
        ["60,8 25,0 5,22 35,48 58,75 30,100 2,78 30,48 65,15"],
        ["0,0 / 55,0 / 55,100 / 0,100 / 0,0", "0,48 / 55,48"],
        ["28,0 2,20 25,46 55,20 28,0", "28,46 5,75 28,100 52,72 28,46"],
        ["30,48 5,25 30,0 55,20 30,48 0,80 35,100 60,78 30,48"],
        ["60,0 20,5 10,30 45,60 40,95 10,95 10,70 50,35 65,12"],
    ),
    9: (
        ["55,20 30,0 3,22 18,48 48,38 55,10 / 52,100"],
        ["52,22 25,0 0,25 20,50 52,30 55,10 / 55,60 45,95 15,100 0,88"],
        ["50,25 30,0 5,20 15,45 45,40 52,15 / 60,70 40,100 0,95"],
        ["55,10 20,0 0,28 25,50 52,30 / 40,70 20,100"],
        ["0,100 / 60,100 / 60,0 / 0,0 / 0,50 / 60,50"],
        ["40,20 15,0 0,20 15,42 40,30 38,5 / 55,60 65,98 30,100 -10,98"],
        ["45,10 15,2 2,25 20,42 45,25 50,60 68,92 40,100 0,90"],
        ["55,15 25,0 0,25 25,50 55,15 / 50,65 30,95 0,80 15,72"],
        ["50,15 20,0 5,25 25,42 50,25 / 45,80 20,100 -5,75 20,65 60,58"],
        ["58,18 28,-2 0,18 22,42 55,25 / 36,48 62,65 58,90 35,98 / -5,98"],
        ["56,18 25,-2 0,20 26,45 56,18 / 60,55 78,98 / 0,100"],
        ["54,20 25,-2 0,18 22,42 54,24 44,50 62,72 45,98 / 0,96"],
        ["60,8 25,0 0,22 30,42 56,20 / 36,52 54,80 22,100 0,85"],
    ),
}

# Letters and signs that no one takes for a digit, whatever the hand: so no I, L, O, S, Z, b, g, q.
OTHERS = (
    ["0,100 35,0 / 70,100", "15,62 55,62"],  # A
    ["0,100 0,0 / 40,5 55,25 35,45 0,48 / 50,52 62,75 40,100 0,100"],  # B
    ["62,15 35,0 0,40 10,85 40,100 65,85"],  # C
    ["0,0 0,100 / 45,92 65,50 45,8 0,0"],  # D
    ["60,0 0,0 / 0,100 / 60,100", "0,50 45,50"],  # E
    ["0,100 0,0 / 55,0", "0,48 42,48"],  # F
    ["62,15 35,0 0,45 15,92 45,100 65,80 / 65,55 / 38,55"],  # G
    ["0,0 0,100", "60,0 60,100", "0,50 60,50"],  # H
    ["25,0 75,0", "52,0 52,75 35,100 8,95 0,75"],  # J
    ["50,0 48,78 28,100 0,80"],  # J
    ["0,0 0,100", "58,0 0,55 / 60,100"],  # K
    ["0,100 0,0 / 40,60 / 80,0 / 80,100"],  # M
    ["0,100 0,0 / 60,100 / 60,0"],  # N
    ["0,100 0,0 / 45,5 55,28 40,50 0,52"],  # P
    ["0,100 0,0 / 45,5 55,28 40,50 0,52 / 60,100"],  # R
    ["0,0 70,0", "35,0 35,100"],  # T
    ["0,0 0,70 30,100 60,70 60,0"],  # U
    ["0,0 35,100 / 70,0"],  # V
    ["0,0 22,100 / 45,30 / 68,100 / 90,0"],  # W
    ["0,0 60,100", "60,0 0,100"],  # X
    ["0,0 32,48 / 62,0", "32,48 32,100"],  # Y
    ["5,65 50,60 45,30 15,30 0,65 20,100 55,90"],  # e
    ["55,5 30,5 25,30 25,100", "5,40 50,40"],  # f
    ["0,0 0,100", "0,60 25,42 48,60 50,100"],  # h
    ["0,100 0,30", "0,50 20,32 38,50 38,100", "38,50 58,32 78,50 78,100"],  # m
    ["0,40 40,38", "0,70 40,68"],  # =
    ["30,20 30,80", "0,50 60,50"],  # +
    ["0,50 70,50"],  # -
    ["0,20 50,50 / 0,80"],  # >
    ["35,0 0,100 / 70,100 / 35,0"],  # triangle
    ["10,100 90,0", "0,20 20,0 30,20 10,35 0,20", "70,80 90,60 100,80 80,100 70,80"],  # %
    ["15,25 30,0 55,15 50,40 30,58 30,72", "30,96 30,100"],  # ?
    ["30,0 30,100", "0,20 60,80", "60,20 0,80"],  # *
    ["20,0 10,100", "50,0 40,100", "0,35 65,35", "0,65 60,65"],  # #
)
LETTERS = "ABCDEFGHJKMNPQRTUVWXYadefhkmnprw&@#%?+=<>*"


def draw_digit(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a digit in one of its ways of writing; (CANVAS, CANVAS) uint8, bright ink."""
    ways = DIGITS[digit]
    widest = 8 if digit in (4, 6, 8, 9) else 13  # a wider pen would fill their loops
    return draw(ways[rng.integers(len(ways))], rng, wobble=4, widest=widest)


def draw(
    strokes: list[str], rng: np.random.Generator, wobble: float, widest: int = 10
) -> np.ndarray:
    """Draw strokes with a pen of random width, at most `widest` pixels of the canvas.

    Each point is some `wobble` percent off. Returns (CANVAS, CANVAS) uint8.
    """
    lines = [_curve(stroke, rng, wobble) for stroke in strokes]
    shift = CANVAS / 2 - HEIGHT / 100 * _middle(lines)
    width = int(np.clip(rng.lognormal(1.2, 0.6), 1, widest))
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    points = [_subpixels(line * (HEIGHT / 100) + shift) for line in lines]
    return cv2.polylines(canvas, points, False, 255, width, cv2.LINE_AA, shift=4)


def _subpixels(points: np.ndarray) -> np.ndarray:
    """Points as OpenCV draws them with `shift=4`: int32, in sixteenths of a pixel."""
    return np.round(points * 16).astype(np.int32)


def _middle(lines: list[np.ndarray]) -> np.ndarray:
    points = np.concatenate(lines)
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _curve(stroke: str, rng: np.random.Generator, wobble: float) -> np.ndarray:
    """The points (n, 2) of a stroke, its pieces made smooth and joined at their corners."""
    pieces = []
    for piece in stroke.split("/"):
        points = np.array([pair.split(",") for pair in piece.split()], np.float32)
        points += rng.normal(0, wobble, points.shape)
        if pieces:
            points = np.concatenate([pieces[-1][-1:], points])
        pieces.append(smooth(points))
    return np.concatenate(pieces)


def smooth(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """A Catmull-Rom curve through (n, 2) points, `steps` to each interval."""
    if len(points) < 3:
        return points
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, np.newaxis] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[:, np.newaxis]
    curve = b + t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))) / 2
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def draw_other(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw something that is not a digit; (CANVAS, CANVAS) uint8.

    `images` are (n, 28, 28) digits, of which two make a number.
    """
    kind = rng.random()
    if kind < 0.4:
        letter = OTHERS[rng.integers(len(OTHERS))]
        return draw(with_serifs(letter) if rng.random() < 0.35 else letter, rng, wobble=4)
    if kind < 0.7:
        return print_letter(rng)
    if kind < 0.8:
        return draw([scribble(rng)], rng, wobble=0)
    if kind < 0.9:
        return two_digits(images, rng)
    return specks(rng) if kind < 0.97 else blot(rng)


def print_letter(rng: np.random.Generator) -> np.ndarray:
    """Print a letter in one of OpenCV's fonts."""
    font = int(rng.integers(8)) | (cv2.FONT_ITALIC if rng.random() < 0.3 else 0)
    letter, thickness = LETTERS[rng.integers(len(LETTERS))], int(rng.integers(1, 6))
    (width, height), _ = cv2.getTextSize(letter, font, 1, thickness)
    size = 46 / max(width, height, 1)
    (width, height), _ = cv2.getTextSize(letter, font, size, thickness)
    corner = ((CANVAS - width) // 2, (CANVAS + height) // 2)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    return cv2.putText(canvas, letter, corner, font, size, 255, thickness, cv2.LINE_AA)


def with_serifs(strokes: list[str]) -> list[str]:
    """The strokes, and a short bar across both ends of each."""
    ends = [stroke.split()[index] for stroke in strokes for index in (0, -1)]
    middles = [[int(value) for value in end.split(",")] for end in ends]
    return strokes + [f"{x - 10},{y} {x + 10},{y}" for x, y in middles]


def scribble(rng: np.random.Generator) -> str:
    """A stroke that goes to and fro at random."""
    points = rng.integers(0, 100, (int(rng.integers(8, 20)), 2))
    return " ".join(f"{x},{y}" for x, y in points)


def two_digits(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two digits beside each other, as in a number."""
    left, right = (images[index] for index in rng.integers(len(images), size=2))
    half = CANVAS // 2
    pair = [
        cv2.resize(image, (half, 46), interpolation=cv2.INTER_LINEAR) for image in (left, right)
    ]
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    canvas[13 : 13 + 46] = np.hstack(pair)
    return canvas


def specks(rng: np.random.Generator) -> np.ndarray:
    """Spots and dashes with nothing in common."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for _ in range(int(rng.integers(4, 16))):
        x, y, dx, dy = (int(value) for value in [*rng.integers(10, 62, 2), *rng.integers(-6, 7, 2)])
        cv2.line(canvas, (x, y), (x + dx, y + dy), 255, int(rng.integers(1, 6)), cv2.LINE_AA)
    return canvas


def blot(rng: np.random.Generator) -> np.ndarray:
    """A filled shape: a blot, a block, a badge."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    count = int(rng.integers(4, 12))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(0, 0.8, count)) / count
    radius = rng.uniform(14, 28, count)
    corners = (
        CANVAS / 2 + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, np.newaxis]
    )
    return cv2.fillPoly(canvas, [corners.astype(np.int32)], 255, cv2.LINE_AA)
