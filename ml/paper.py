"""Bare paper, and the ink on it: what is told apart by colour and light."""

import functools

import cv2
import numpy as np

from .header import InvalidImage

MIN_CONTRAST = 14  # of 255: fainter ink cannot be told from noise
BLANK = (
    "The picture looks blank: its ink differs from the paper by {} of 255 levels. "
    "Use a darker pen, or crop the picture closer."
)
MIN_LIT = 64  # pixels; in a smaller picture shadows and noise cannot be told from strokes
LEVELS = np.arange(256.0)
PAPER_GRID = 32  # pixels on the longer side of the copy on which the paper is estimated


def estimate_paper(picture: np.ndarray) -> np.ndarray:
    """Estimate the bare paper under the ink: its colour and how the light falls on it.

    Fits a quadratic surface to each channel of a small copy, leaving out, round by round,
    what differs from it. The fit starts from the border, where there is rarely ink, so dark
    and light paper need no telling apart. Takes (h, w) or (h, w, 3) uint8; returns the same.
    """
    height, width = picture.shape[:2]
    small = _on_grid(picture)
    if _is_plain(small):
        fit = small[:1, :1]
    else:
        fit = _fit_surface(small)
        if min(height, width) >= MIN_LIT and _leaves_shadow(small, fit):
            return local_paper(picture)
    return cv2.resize(fit, (width, height), interpolation=cv2.INTER_LINEAR)


def other_paper(picture: np.ndarray) -> np.ndarray | None:
    """The other of two plain colours that meet at the border, which `estimate_paper` took for ink.

    None unless there are two such colours. Takes and returns (h, w) or (h, w, 3) uint8.
    """
    small = _on_grid(picture)
    colours = small.reshape(small.shape[0] * small.shape[1], -1).T.astype(np.float32)
    border = _border(small.shape[1], small.shape[0])
    ink = ~_likely_paper(colours, border, small.shape[:2])
    if not 0.03 < ink[border].mean() < 0.97:
        return None
    paper = _median(colours[:, ink]).astype(np.uint8)
    return np.broadcast_to(paper, (*picture.shape[:2], len(paper))).reshape(picture.shape)


def _on_grid(picture: np.ndarray) -> np.ndarray:
    """The small copy of a picture on which its paper is estimated."""
    height, width = picture.shape[:2]
    scale = min(1, PAPER_GRID / max(height, width))
    grid = (max(4, round(width * scale)), max(4, round(height * scale)))
    return cv2.resize(picture, grid, interpolation=cv2.INTER_AREA)


def _is_plain(small: np.ndarray) -> bool:
    """Whether the whole border and most of the picture have one colour, as in a drawing."""
    alike = small == small[0, 0]
    if alike.ndim == 3:
        alike = alike.all(axis=2)
    border = alike.ravel()[_border(small.shape[1], small.shape[0])]
    return bool(border.all()) and 2 * np.count_nonzero(alike) > alike.size


def _fit_surface(small: np.ndarray) -> np.ndarray:
    """Fit paper to a small picture, from a constant to a plane to a quadratic surface."""
    channels = small.reshape(*small.shape[:2], -1)
    colours = channels.reshape(-1, channels.shape[2]).T.astype(np.float32)  # (channels, n)
    surface = _quadratic(small.shape[1], small.shape[0])
    border = _border(small.shape[1], small.shape[0])
    likely = _likely_paper(colours, border, small.shape[:2])
    border = border & likely if (border & likely).any() else likely  # a frame covers the border
    mostly_border = np.concatenate([colours[:, likely], *[colours[:, border]] * 2], axis=1)
    fit = _median(mostly_border)[:, np.newaxis]
    importance = np.where(border, np.float32(3), np.float32(1))
    for degree in (1, 1, 3, 3, 6, 6):
        residual = np.abs(colours - fit).max(axis=0)
        if _most(residual[border]) < 4:  # evenly lit, as whatever comes from a paint program
            break
        spread = max(4.0, 2.0 * float(_median(residual[border])))
        weight = importance / (1 + np.square(np.square(residual / spread)))
        basis = surface[:degree]
        weighted = basis * weight
        normal = weighted @ basis.T + 1e-3 * np.eye(degree, dtype=np.float32)
        fit = np.linalg.solve(normal, weighted @ colours.T).T @ basis
    paper = np.broadcast_to(np.clip(fit, 0, 255).T, colours.T.shape)
    return paper.astype(np.uint8).reshape(small.shape)


def _leaves_shadow(small: np.ndarray, fit: np.ndarray) -> bool:
    """Whether something wider than a stroke is left at the border once the paper is taken off."""
    residual = _largest(cv2.absdiff(small, fit))
    edges = np.concatenate([residual[0], residual[-1], residual[:, 0], residual[:, -1]])
    if (edges > 20).mean() <= 0.1:
        return False
    side = int(0.2 * max(residual.shape))
    wide = cv2.morphologyEx(residual, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    rim = np.concatenate([wide[0], wide[-1], wide[:, 0], wide[:, -1]])
    if (rim > 20).mean() <= 0.1:
        return False
    firm = np.sort(residual.ravel())[-residual.size // 40]
    return bool(_median(residual[wide > 20]) < 0.85 * firm)  # else it is a stroke itself


def local_paper(picture: np.ndarray) -> np.ndarray:
    """The median colour around each point, which follows the edge of a cast shadow."""
    scale = 2 * PAPER_GRID / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    fit = cv2.medianBlur(small, PAPER_GRID - 1)
    return cv2.resize(fit, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _likely_paper(colours: np.ndarray, border: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which of (channels, n) colours are paper, where ink and paper share the border; (n,) bool.

    A digit that fills its picture reaches the border all around. If there are two plain colours
    on the border, the one of which there is more, there and in all, and which a stroke cuts
    into more pieces, is paper.
    """
    rim = colours[:, border]
    common = rim[:, np.argsort(rim.sum(axis=0))[rim.shape[1] // 2], np.newaxis]
    distance = np.abs(colours - common).max(axis=0)
    far = distance > otsu(distance.astype(np.uint8))
    if not far.any() or far.all():
        return np.ones_like(far)
    separation = _median(distance[far])
    between = (distance > 0.3 * separation) & (distance < 0.7 * separation)
    if between.mean() > 0.15:  # not two plain colours, but light and shadow
        return np.ones_like(far)
    share = far[border].mean()
    weight = share + 2 * far.mean()
    if 0.1 < share < 0.9:
        pieces = _pieces(far.reshape(shape)) - _pieces(~far.reshape(shape))
        weight += 0.3 * np.clip(pieces, -2, 2)
    if weight > 1.25:
        return distance > 0.7 * separation
    return distance < 0.3 * separation


def _pieces(mask: np.ndarray) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8), ltype=cv2.CV_16U)[0] - 1


def _median(values: np.ndarray) -> np.ndarray:
    """The median along the last axis; np.median takes five times as long on a few values."""
    return np.sort(values, axis=-1)[..., values.shape[-1] // 2]


def _most(values: np.ndarray) -> float:
    """What nine tenths of the values (n,) do not exceed."""
    return float(np.sort(values)[9 * len(values) // 10])


@functools.lru_cache(64)
def _quadratic(width: int, height: int) -> np.ndarray:
    """The monomials 1, x, y, x^2, xy, y^2 on a grid; (6, h * w) float32."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).reshape(6, -1)


@functools.lru_cache(64)
def _border(width: int, height: int) -> np.ndarray:
    """Which points of a grid lie on its rim; (h * w,) bool."""
    inside = np.zeros((height, width), bool)
    margin = max(1, min(width, height) // 12)
    inside[margin:-margin, margin:-margin] = True
    return ~inside.ravel()


def ink_over(paper: np.ndarray, picture: np.ndarray, strongest: int = 765) -> np.ndarray:
    """Measure how far each pixel is from the paper, in the direction of the ink's colour.

    Returns (h, w) uint8. Red on yellow, white on slate: what counts is the distance in
    colour, not which of the two is darker. Raises InvalidImage `blank`.
    """
    distance = _largest(cv2.absdiff(picture, paper))
    levels = histogram(distance)
    threshold = otsu_level(levels)
    noise = median_level(levels[: threshold + 1]) if min(distance.shape) >= MIN_LIT else 0
    contrast = threshold + 1 + median_level(levels[threshold + 1 :])
    if contrast < 4 * noise:  # grain fades when it is smoothed, and strokes do not
        smooth = histogram(_largest(cv2.absdiff(cv2.blur(picture, (5, 5)), paper)))
        level = otsu_level(smooth)
        contrast = level + 1 + median_level(smooth[level + 1 :])
    if contrast < MIN_CONTRAST or not levels[threshold + 1 :].any():
        raise InvalidImage("blank", BLANK.format(contrast))
    marked = cv2.compare(distance, threshold, cv2.CMP_GT)
    if picture.ndim == 2:
        return _darker_or_lighter(paper, picture, marked, strongest)
    difference = cv2.subtract(picture, paper, dtype=cv2.CV_16S)
    direction = np.array(cv2.mean(difference, marked)[:3])
    direction /= np.abs(direction).max() + 1e-6
    ink = cv2.transform(difference, direction[np.newaxis])
    if (peak := int(ink.max())) > strongest:
        ink = ink * (strongest / peak)
    return np.clip(ink, 0, 255).astype(np.uint8)


def _darker_or_lighter(
    paper: np.ndarray, picture: np.ndarray, marked: np.ndarray, strongest: int
) -> np.ndarray:
    """`ink_over` without colour: three times the difference, as three equal channels give it."""
    is_dark = cv2.mean(picture, marked)[0] < cv2.mean(paper, marked)[0]
    difference = cv2.subtract(paper, picture) if is_dark else cv2.subtract(picture, paper)
    peak = cv2.minMaxLoc(difference)[1]
    return cv2.convertScaleAbs(difference, alpha=min(3.0, strongest / max(1.0, peak)))


def _largest(colours: np.ndarray) -> np.ndarray:
    """The largest of the channels; NumPy's `max(axis=2)` takes 30 times as long."""
    if colours.ndim == 2:
        return colours
    blue, green, red = cv2.split(colours)
    return cv2.max(cv2.max(blue, green), red)


def otsu(grey: np.ndarray) -> int:
    """Otsu's threshold between the dark and the bright of (h, w) or (n,) uint8."""
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return int(threshold)


def otsu_level(levels: np.ndarray) -> int:
    """Otsu's threshold of a histogram (256,): what is up to it is dark."""
    counts = np.cumsum(levels, dtype=np.float64)
    sums = np.cumsum(levels * LEVELS)
    between = np.square(sums[-1] * counts - counts[-1] * sums)
    pairs = np.maximum(1, counts * (counts[-1] - counts))
    return int(np.argmax(between / pairs))


def histogram(grey: np.ndarray) -> np.ndarray:
    """How many pixels of (h, w) uint8 have each level; (256,)."""
    return cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()


def median_level(levels: np.ndarray) -> int:
    """The median of a histogram: sorting the pixels takes 20 times as long."""
    return quantile_level(levels, 0.5)


def quantile_level(levels: np.ndarray, share: float) -> int:
    """The level below which a share of a histogram's pixels lies."""
    counts = np.cumsum(levels)
    return int(np.searchsorted(counts, counts[-1] * share)) if len(counts) else 0


def strengthen(ink: np.ndarray) -> np.ndarray:
    """Stretch ink so that paper and its noise become 0 and a firm stroke 255.

    The cleaner the paper, the fainter the strokes that are kept.
    """
    levels = histogram(ink)
    threshold = otsu_level(levels)
    firm = threshold + 1 + median_level(levels[threshold + 1 :])
    noise = quantile_level(levels[: threshold + 1], 0.95)
    low = min(max(0.45 * threshold, 2.5 * noise), 0.6 * threshold)
    high = max(low + 1, 0.5 * (threshold + firm))
    stretched = (LEVELS - low) * (255 / (high - low))
    return cv2.LUT(ink, np.clip(stretched, 0, 255).astype(np.uint8))
