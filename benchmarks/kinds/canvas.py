"""What all kinds of pictures are made of: strokes, paper, ink, light, grain."""

import cv2
import numpy as np

# How much of each channel (blue, green, red) a pen or a printed line of full strength takes away.
HUES = {
    "black": (1.0, 1.0, 1.0),
    "blue": (0.3, 0.8, 1.0),
    "red": (1.0, 0.9, 0.2),
    "green": (0.8, 0.35, 1.0),
    "violet": (0.35, 1.0, 0.7),
}
Colour = np.ndarray  # (3,) float32, blue-green-red, 0 to 255


def hue(name: str) -> Colour:
    return np.float32(HUES[name])


def between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def sheet(rng: np.random.Generator, side: tuple[int, int] = (180, 640)) -> np.ndarray:
    """Bare light paper of one tint, (h, w, 3) float32."""
    height = int(rng.integers(*side))
    width = int(height * between(rng, 0.75, 1.33))
    tint = between(rng, 205, 255) - np.float32([between(rng, 0, 25), between(rng, 0, 8), 0])
    return np.full((height, width, 3), tint, np.float32)


def cut_to_ink(image: np.ndarray) -> np.ndarray:
    """The box of an image (28, 28) that holds its ink."""
    left, top, width, height = cv2.boundingRect((image > 64).astype(np.uint8))
    return image[top : top + height, left : left + width]


def strokes(image: np.ndarray, height: int, sharpness: float = 1.0) -> np.ndarray:
    """The digit of an image (28, 28), so many pixels high; (h, w) float32, ink 1.

    Its edges are as soft as in the enlarged image at a sharpness of 1, hard at 4.
    """
    digit = cut_to_ink(image).astype(np.float32) / 255
    width = max(2, round(height * digit.shape[1] / digit.shape[0]))
    larger = height > digit.shape[0]
    way = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    soft = cv2.resize(digit, (width, height), interpolation=way)
    return np.clip((soft - 0.45) * sharpness + 0.45, 0, 1)


def layer(
    image: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, size: tuple = (0.35, 0.85)
) -> np.ndarray:
    """The digit somewhere on a sheet of a shape, `size` of its shorter side; (h, w) float32."""
    fraction = between(rng, *size)
    digit = strokes(image, max(16, round(fraction * min(shape))), between(rng, 1, 4))
    if digit.shape[1] > 0.9 * shape[1]:
        scale = 0.9 * shape[1] / digit.shape[1]
        digit = cv2.resize(digit, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = np.zeros(shape, np.float32)
    free = np.array(shape) - digit.shape
    top, left = (int(between(rng, 0.2, 0.8) * each) for each in free)
    ink[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return ink


def write(paper: np.ndarray, ink: np.ndarray, pen: Colour) -> np.ndarray:
    """Paper (h, w, 3) with ink (h, w) on it that takes `pen` of 255 away from each channel."""
    inked = np.maximum(paper - 255 * pen, 6)
    return paper + ink[..., np.newaxis] * (np.minimum(inked, paper) - paper)


def dark_pen(rng: np.random.Generator, low: float = 0.6) -> Colour:
    name = ("black", "black", "blue", "blue", "red", "green")[rng.integers(6)]
    return hue(name) * between(rng, low, 1)


def grain(picture: np.ndarray, rng: np.random.Generator, most: float = 3) -> np.ndarray:
    """Noise as of a camera, with a deviation of up to `most` of 255 levels."""
    return picture + rng.normal(0, between(rng, 0, most), picture.shape).astype(np.float32)


def light(shape: tuple[int, int], rng: np.random.Generator, darkest: float = 0.6) -> np.ndarray:
    """Light that falls off evenly to one side; (h, w, 1) float32, at most 1."""
    angle = between(rng, 0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    ramp = (1 + (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)) / 2
    return (1 - (1 - between(rng, darkest, 1)) * ramp)[..., np.newaxis]


def finished(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture, 0, 255).round().astype(np.uint8)
