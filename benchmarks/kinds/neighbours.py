"""Plain pictures, which are read well and must go on being: no remedy may cost them anything."""

import cv2
import numpy as np

from .canvas import cut_to_ink


def plain(image: np.ndarray, rng: np.random.Generator, side: int = 112) -> np.ndarray:
    """Black on white, enlarged."""
    return 255 - cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)


def inverted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 255 - plain(image, rng)


def enlarged(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return plain(image, rng, 560)


def boxed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = plain(image, rng, 224)
    return cv2.rectangle(picture, (8, 8), (215, 215), 60, 2)


def underlined(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    digit = cv2.copyMakeBorder(cut_to_ink(image), 5, 8, 8, 8, cv2.BORDER_CONSTANT)
    picture = plain(digit, rng, 224)
    foot = int(np.flatnonzero((picture < 128).any(axis=1))[-1])
    return cv2.line(picture, (50, foot + 16), (176, foot + 16), 20, 4)


def vignetted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1:1:224j, -1:1:224j]
    light = 1 - 0.25 * (x * x + y * y)
    return (plain(image, rng, 224) * light).astype(np.uint8)


def faint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (200 + plain(image, rng, 112) * (30 / 255)).astype(np.uint8)


def salted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = plain(image, rng, 224)
    spoilt = rng.random(picture.shape)
    return np.where(spoilt < 0.01, 0, np.where(spoilt > 0.99, 255, picture)).astype(np.uint8)


def transparent(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Black ink on nothing; (h, w, 4)."""
    opacity = 255 - plain(image, rng)
    nothing = np.zeros_like(opacity)
    return cv2.merge([nothing, nothing, nothing, opacity])


def coloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ink of any colour on paper of any other, apart by 90 levels in a channel at least."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3))
        if np.abs(ink - paper).max() >= 90:
            break
    share = plain(image, rng)[..., np.newaxis] / 255
    return (share * paper + (1 - share) * ink).astype(np.uint8)


def stretched(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    square = cv2.resize(cut_to_ink(image), (160, 160), interpolation=cv2.INTER_CUBIC)
    return 255 - cv2.copyMakeBorder(square, *[32] * 4, cv2.BORDER_CONSTANT)


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = plain(image, rng, 224)
    return np.clip(picture + rng.normal(0, 25, picture.shape), 0, 255).astype(np.uint8)


def turned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angle = 25 if rng.random() < 0.5 else -25
    matrix = cv2.getRotationMatrix2D((112, 112), angle, 0.9)
    return cv2.warpAffine(plain(image, rng, 224), matrix, (224, 224), borderValue=255)


KINDS = {
    "plain": plain,
    "inverted": inverted,
    "enlarged": enlarged,
    "boxed": boxed,
    "underlined": underlined,
    "vignetted": vignetted,
    "low contrast": faint,
    "salt and pepper": salted,
    "transparent": transparent,
    "colour on colour": coloured,
    "stretched": stretched,
    "noise of 25": noisy,
    "turned by 25": turned,
}
