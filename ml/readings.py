"""Ways to tell ink from paper: the first for every picture, the others for doubtful ones.

No one rule tells a pen from the lines it crosses, the shadow it lies in and the table around. So
each way makes another assumption, and where the network is in doubt about the first, it chooses.
A way takes a Scene and returns ink, (h, w) uint8. It raises InvalidImage `blank` where its
assumption does not hold, or where it finds no ink.
"""

import contextlib
import functools
from collections.abc import Callable

import cv2
import numpy as np

from .clutter import NOTHING
from .decode import WORKING_SIDE
from .header import InvalidImage
from .paper import estimate_paper, histogram, ink_over, local_paper, other_paper, otsu, otsu_level
from .ruled import drop_lines, may_be_ruled
from .sheet import cut_out, find_panel, find_sheet

Show = Callable[[str, np.ndarray], None]
TRUE = 255  # the strongest ink, so that none is cut off and all of it keeps its proportion
MIN_MARKED = 30  # pixels; of fewer nothing is told about their colours


class Scene:
    """A picture, and what several ways of reading need of it."""

    def __init__(self, picture: np.ndarray, show: Show = lambda step, pixels: None):
        self.picture = picture  # (h, w) or (h, w, 3) uint8, as decoded
        self.show = show
        self.inks: dict[str, np.ndarray] = {}

    @functools.cached_property
    def small(self) -> np.ndarray:
        """The picture, reduced."""
        return reduce(self.picture)

    @functools.cached_property
    def paper(self) -> np.ndarray:
        """The bare paper below the ink, as large as `small`."""
        paper = estimate_paper(self.small)
        self.show("paper", paper)
        return paper

    @functools.cached_property
    def ink(self) -> np.ndarray:
        """How far `small` is from its paper, cut off where it is strong; (h, w) uint8."""
        ink = ink_over(self.paper, self.small)
        self.show("ink", ink)
        return ink

    @functools.cached_property
    def true_ink(self) -> np.ndarray:
        """The same in true proportion."""
        return ink_over(self.paper, self.small, TRUE)

    def ink_of(self, reading: str) -> np.ndarray:
        """The ink in one of READINGS, which is made once. Raises InvalidImage."""
        if reading not in self.inks:
            self.inks[reading] = READINGS[reading](self)
        return self.inks[reading]


def first(scene: Scene) -> np.ndarray:
    """The ink on the sheet, without the lines of the paper."""
    sheet = find_sheet(scene.ink)
    if sheet is not None:
        with contextlib.suppress(InvalidImage):  # nothing is on it: it is a stroke itself
            note = cut_out(scene.picture, sheet)
            scene.show("sheet cut out", note)
            scene = Scene(note, scene.show)
            return without_lines(scene, scene.ink)
    return without_lines(scene, scene.ink)


def without_lines(scene: Scene, ink: np.ndarray) -> np.ndarray:
    if may_be_ruled(ink):
        ink = drop_lines(ink, scene.true_ink)
    scene.show("ruled lines dropped", ink)
    return ink


def firm_only(scene: Scene) -> np.ndarray:
    """Only the firmer of two kinds of ink: a pen on printed lines, or in a shadow."""
    ink = without_lines(scene, scene.true_ink)
    levels = histogram(ink)
    levels[: otsu_level(levels) // 2 + 1] = 0
    threshold = otsu_level(levels)
    if not levels[threshold + 1 :].any():
        raise InvalidImage("blank", NOTHING)
    low, high = 0.7 * threshold, 1.2 * threshold + 1
    stretched = (ink.astype(np.float32) - low) * (255 / (high - low))
    ink = np.clip(stretched, 0, 255).astype(np.uint8)
    scene.show("firm ink", ink)
    return ink


def over_local_paper(scene: Scene) -> np.ndarray:
    """Paper is what lies around each point, so that a hard shadow is no ink."""
    paper = local_paper(scene.small)
    scene.show("local paper", paper)
    ink = ink_over(paper, scene.small)
    scene.show("ink", ink)
    return without_lines(scene, ink)


def over_even_paper(scene: Scene) -> np.ndarray:
    """The paper has one colour, the commonest, though something dark lies along the border."""
    small = scene.small.reshape(-1, *scene.small.shape[2:])
    paper = np.broadcast_to(np.median(small, axis=0), scene.small.shape).astype(np.uint8)
    scene.show("even paper", paper)
    ink = ink_over(paper, scene.small)
    scene.show("ink", ink)
    return ink


def over_other_paper(scene: Scene) -> np.ndarray:
    """What was taken for ink is the paper, as around a 1 that fills its picture."""
    paper = other_paper(scene.small)
    if paper is None:
        raise InvalidImage("blank", NOTHING)
    scene.show("other paper", paper)
    ink = ink_over(paper, scene.small)
    scene.show("ink", ink)
    return ink


def inside_panel(scene: Scene) -> np.ndarray:
    """Only what is inside a rectangle: a plot, a box of a form, a sheet on a table."""
    panel = find_panel(scene.small)
    if panel is None:
        raise InvalidImage("blank", NOTHING)
    height, width = scene.picture.shape[:2]
    left, top, right, bottom = (panel * [width, height, width, height]).astype(int)
    part = np.ascontiguousarray(scene.picture[top:bottom, left:right])
    scene.show("panel", part)
    return first(Scene(part, scene.show))


def calmed(scene: Scene) -> np.ndarray:
    """Smoothed, so that the grain of the paper, or its finest print, goes."""
    size = 3 if max(scene.small.shape) < WORKING_SIDE // 2 else 5
    smooth = cv2.medianBlur(scene.small, size)
    scene.show("smoothed", smooth)
    return first(Scene(smooth, scene.show))


def thick_only(scene: Scene) -> np.ndarray:
    """Only strokes at least half as thick as the thickest: a marker among lines of a pen."""
    ink = without_lines(scene, scene.ink)
    marked = cv2.compare(ink, otsu(ink), cv2.CMP_GT)
    depth = cv2.distanceTransform(marked, cv2.DIST_L2, 3)
    radius = int(0.5 * depth.max())
    if radius < 1:
        raise InvalidImage("blank", NOTHING)
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    core = cv2.dilate(cv2.morphologyEx(marked, cv2.MORPH_OPEN, pen), np.ones((3, 3), np.uint8))
    ink = cv2.bitwise_and(ink, ink, mask=core)
    scene.show("thick strokes", ink)
    return ink


def of_two_inks(scene: Scene, which: int) -> np.ndarray:
    """The ink of one of the two colours that are on the paper: pen or print, digit or table."""
    size = scene.true_ink.shape  # which asks for some ink that is no noise
    difference = cv2.subtract(scene.small, scene.paper, dtype=cv2.CV_32F)
    difference = difference.reshape(size[0] * size[1], -1)
    strength = np.abs(difference).max(axis=1).astype(np.uint8)
    marked = difference[strength > otsu(strength[np.newaxis])]
    if len(marked) < MIN_MARKED:
        raise InvalidImage("blank", NOTHING)
    colours = _two_colours(marked)
    gram = colours @ colours.T + 1e-3 * np.eye(2)
    shares = difference @ colours.T @ np.linalg.inv(gram)  # of each colour in each pixel
    mine, other = shares[:, which], shares[:, 1 - which]
    if not _apart((mine > 0.6).reshape(size), (other > 0.6).reshape(size)):
        raise InvalidImage("blank", NOTHING)
    ink = np.where(other > 0.6, 0, np.clip(mine, 0, 1))
    ink = (255 * ink).astype(np.uint8).reshape(size)
    scene.show("one of two inks", ink)
    return ink


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two masks lie apart, and neither is the soft edge of the other."""
    for mask, near in ((one, other), (other, one)):
        around = cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        if np.count_nonzero(mask & ~around) < max(MIN_MARKED, 0.35 * np.count_nonzero(mask)):
            return False
    return True


def _two_colours(marked: np.ndarray) -> np.ndarray:
    """The two colours around which differences from paper, (n, channels), lie; (2, channels).

    The one that is further from the paper comes first.
    """
    spread = np.cov(marked.T).reshape(marked.shape[1], -1)
    along = (marked - marked.mean(axis=0)) @ np.linalg.eigh(spread)[1][:, -1]
    along -= along.min()
    levels = (along * (255 / max(1e-6, along.max()))).astype(np.uint8)
    one = levels > otsu(levels[np.newaxis])
    if not one.any() or one.all():
        raise InvalidImage("blank", NOTHING)
    colours = np.stack([marked[one].mean(axis=0), marked[~one].mean(axis=0)])
    return colours[np.argsort(-np.linalg.norm(colours, axis=1))]


def reduce(picture: np.ndarray) -> np.ndarray:
    """Scale a picture down to WORKING_SIDE pixels on its longer side, never up.

    It has one channel then if its three are the same.
    """
    height, width = picture.shape[:2]
    whole = max(height, width) // WORKING_SIDE  # a whole factor first: others take 20 times as long
    if whole > 1:
        height, width = height // whole, width // whole
        picture = picture[: height * whole, : width * whole]
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    picture = without_colour(picture)
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def without_colour(picture: np.ndarray) -> np.ndarray:
    """One channel, (h, w), of a picture whose three are the same; any other as it is."""
    if picture.ndim == 2:
        return picture
    blue, green, red = cv2.split(picture)
    same = cv2.norm(blue, green, cv2.NORM_INF) == 0 == cv2.norm(green, red, cv2.NORM_INF)
    return blue if same else picture


FIRST = "first"
READINGS = {
    FIRST: first,
    "firm only": firm_only,
    "local paper": over_local_paper,
    "even paper": over_even_paper,
    "other paper": over_other_paper,
    "inside": inside_panel,
    "stronger ink": functools.partial(of_two_inks, which=0),
    "weaker ink": functools.partial(of_two_inks, which=1),
    "calmed": calmed,
    "thick only": thick_only,
}
SECOND = ", second mark"  # after a reading's name: its likeliest digit is none, so take the next
OTHERS = [*list(READINGS)[1:], "weaker ink" + SECOND]
OF_SMALL = ["other paper"]  # in a small picture there is no room for anything else
