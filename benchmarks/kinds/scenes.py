"""What lies around a digit in photos and scans: frames, boxes, axes, tables, hands, shadows."""

import cv2
import numpy as np

from .canvas import between, dark_pen, finished, grain, layer, light, sheet, write

Picture = np.ndarray  # (h, w, 3) float32


def written(image: np.ndarray, rng: np.random.Generator, size=(0.35, 0.7)) -> Picture:
    """A digit on plain paper in even light."""
    paper = sheet(rng)
    return write(paper, layer(image, paper.shape[:2], rng, size), dark_pen(rng))


def colour(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A colour whose brightness is between two levels."""
    return np.clip(between(rng, low, high) + rng.normal(0, 15, 3), 0, 255).astype(np.float32)


def soft_mask(mask: np.ndarray, blur: float) -> np.ndarray:
    """A mask (h, w) with soft edges; (h, w, 1) float32."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.3, blur))[..., np.newaxis]


def over(picture: Picture, mask: np.ndarray, what: np.ndarray) -> Picture:
    return picture + mask * (what - picture)


def framed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame along the edge, of any width up to a tenth, not always on all sides."""
    picture = written(image, rng, (0.35, 0.6))
    height, width = picture.shape[:2]
    frame = np.zeros((height, width), np.float32)
    sides = rng.random(4) < 0.8
    widths = (rng.uniform(0.005, 0.1, 4) * min(height, width)).astype(int) + 1
    if rng.random() < 0.5:
        sides[:], widths[:] = True, widths[0]
    for side, wide in zip(range(4), widths, strict=True):
        if sides[side]:
            turned = np.rot90(frame, side)
            turned[:wide] = 1
    return finished(grain(over(picture, soft_mask(frame, 0.5), colour(rng, 0, 140)), rng))


def boxed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A printed box or a row of them around the digit, as on a form."""
    paper = sheet(rng)
    height, width = paper.shape[:2]
    ink = layer(image, (height, width), rng, (0.35, 0.55))
    left, top, across, down = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    room = rng.uniform(0.06, 0.25, 4) * max(across, down)
    x0, y0 = int(left - room[0]), int(top - room[1])
    x1, y1 = int(left + across + room[2]), int(top + down + room[3])
    box = np.zeros((height, width), np.float32)
    wide = int(rng.integers(1, 2 + max(1, min(height, width) // 60)))
    cells = (0,) if rng.random() < 0.6 else (-2, -1, 0, 1, 2)
    for cell in cells:
        shift = cell * (x1 - x0)
        cv2.rectangle(box, (x0 + shift, y0), (x1 + shift, y1), 1, wide)
    printed = write(paper, box, dark_pen(rng, 0.25))
    return finished(grain(write(printed, ink, dark_pen(rng)), rng))


def axes(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A plot of the image, as plotting programs show it: a frame, ticks and numbers outside."""
    side = int(rng.integers(180, 420))
    dark = rng.random() < 0.5
    shown = cv2.resize(image, (side, side), interpolation=cv2.INTER_NEAREST)
    left, top, right, bottom = (int(value * side) for value in rng.uniform(0.12, 0.3, 4))
    plot = np.full((top + side + bottom, left + side + right), 255, np.uint8)
    plot[top : top + side, left : left + side] = shown if dark else 255 - shown
    cv2.rectangle(plot, (left - 1, top - 1), (left + side, top + side), 0, 1)
    for step in range(0, 28, 5):
        at = round((step + 0.5) * side / 28)
        cv2.line(plot, (left - 5, top + at), (left - 1, top + at), 0)
        cv2.line(plot, (left + at, top + side), (left + at, top + side + 4), 0)
        font = (cv2.FONT_HERSHEY_SIMPLEX, side / 700, 0, 1, cv2.LINE_AA)
        cv2.putText(plot, str(step), (left - 22, top + at + 4), *font)
        cv2.putText(plot, str(step), (left + at - 5, top + side + 16), *font)
    return plot


def table_edge(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sheet ends inside the picture, and a table, dark or light, begins."""
    picture = written(image, rng, (0.3, 0.5))
    height, width = picture.shape[:2]
    ink_free = 0.17 * min(height, width)
    mask = np.zeros((height, width), np.float32)
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        ends = rng.uniform(0.02, 1, 2) * ink_free
        turned = np.zeros(np.rot90(mask, side).shape, np.float32)
        corners = [(0, 0), (turned.shape[1], 0), (turned.shape[1], ends[1]), (0, ends[0])]
        cv2.fillPoly(turned, [np.array(corners, np.int32)], 1)
        mask = np.maximum(mask, np.rot90(turned, -side))
    table = np.broadcast_to(colour(rng, 20, 150), picture.shape)
    table = table + rng.normal(0, 6, picture.shape[:2])[..., np.newaxis]
    picture = over(picture, soft_mask(mask, 1), table.astype(np.float32))
    return finished(grain(picture * light(picture.shape[:2], rng, 0.7), rng))


def hand(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A thumb or two reach in from the edge and hold the sheet."""
    picture = written(image, rng, (0.3, 0.5))
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        side = int(rng.integers(4))
        place = [(between(rng, 0.1, 0.9), y) for y in (0, 1)] + [
            (x, between(rng, 0.1, 0.9)) for x in (0, 1)
        ]
        x, y = place[side]
        angle = np.degrees(np.arctan2(0.5 - y, 0.5 - x)) + between(rng, -25, 25)
        axis = (int(between(rng, 0.08, 0.16) * width), int(between(rng, 0.05, 0.09) * height))
        cv2.ellipse(mask, (int(x * width), int(y * height)), axis, angle, 0, 360, 1, -1)
    skin = np.float32([between(rng, 60, 150), between(rng, 90, 180), between(rng, 140, 225)])
    shade = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 8)[..., np.newaxis]
    picture = over(picture * (1 - 0.25 * shade), soft_mask(mask, 1), skin)
    return finished(grain(picture, rng))


def shadow(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A shadow with an edge, hard or soft, across the sheet."""
    picture = written(image, rng)
    height, width = picture.shape[:2]
    angle, y, x = between(rng, 0, 2 * np.pi), *np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    side = x * np.cos(angle) + y * np.sin(angle) > between(rng, -0.5, 0.5)
    mask = soft_mask(side, between(rng, 0.5, 0.04 * min(height, width)))
    return finished(grain(picture * (1 - mask * between(rng, 0.2, 0.55)), rng))


def dark_corners(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to four corners of the picture show the dark table below the sheet."""
    picture = written(image, rng, (0.3, 0.55))
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    for corner in rng.permutation(4)[: int(rng.integers(1, 5))]:
        x, y = (corner % 2) * width, (corner // 2) * height
        reach = rng.uniform(0.06, 0.3, 2) * (width, height)
        points = [(x, y), (abs(x - reach[0]), y), (x, abs(y - reach[1]))]
        cv2.fillPoly(mask, [np.array(points, np.int32)], 1)
    return finished(grain(over(picture, soft_mask(mask, 1), colour(rng, 5, 110)), rng))


def textured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rough paper, fabric or wood: coarse and fine grain, the ink three times stronger."""
    paper = sheet(rng)
    shape = paper.shape[:2]
    rough = np.zeros(shape, np.float32)
    for scale in (1, 2, 4, 8):
        size = (shape[1] // scale + 1, shape[0] // scale + 1)
        noise = rng.normal(0, 1, size[::-1]).astype(np.float32)
        if rng.random() < 0.3:  # fibres
            noise = cv2.blur(noise, (9, 1))
        rough += cv2.resize(noise, shape[::-1]) * between(rng, 0, 1)
    rough *= between(rng, 4, 14) / max(rough.std(), 1e-3)
    contrast = between(rng, max(0.25, 4.5 * rough.std() / 255), 0.9)
    pen = dark_pen(rng, 1) * contrast
    inked = write(paper - 15, layer(image, shape, rng), pen)
    return finished(inked + rough[..., np.newaxis])


def jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A drawing or a photo that was saved as a JPEG of low quality, twice."""
    picture = finished(written(image, rng))
    for _ in range(2):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(5, 35))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return picture


KINDS = {
    "frame": framed,
    "printed box": boxed,
    "axes": axes,
    "table edge": table_edge,
    "hand": hand,
    "shadow": shadow,
    "dark corners": dark_corners,
    "textured": textured,
    "JPEG artefacts": jpeg,
}
