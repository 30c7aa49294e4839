"""Charts as SVG, drawn without a script: they print, and pass any content policy."""

from collections.abc import Sequence
from html import escape

import numpy as np

SIDE = 260  # of the square in which data is drawn; user units
MARGIN = 64


def line_chart(
    points: Sequence[tuple[float, float]],
    title: str,
    axes: tuple[str, str],
    y_range: tuple[float, float] = (0.0, 1.0),
    diagonal: bool = False,
) -> str:
    """Points (x, y), x in 0-1, joined by a line; y in `y_range`."""
    low, high = y_range
    placed = [(x, (y - low) / (high - low)) for x, y in points]
    path = " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for x, y in placed)
    dots = "".join(
        f'<circle cx="{x * SIDE:.1f}" cy="{(1 - y) * SIDE:.1f}" r="3"/>' for x, y in placed
    )
    guide = f'<path class="guide" d="M0,{SIDE} L{SIDE},0"/>' if diagonal else ""
    return _frame(
        f'{guide}<polyline class="line" points="{path}"/><g class="dots">{dots}</g>',
        title,
        axes,
        x_ticks=[(at, f"{at:.0%}") for at in (0, 0.5, 1)],
        y_ticks=[(at, f"{low + at * (high - low):.1%}") for at in (0, 0.5, 1)],
    )


def matrix(counts: np.ndarray, title: str, axes: tuple[str, str]) -> str:
    """A (10, 10) confusion matrix: rows what it was, columns what was answered."""
    cell = SIDE / 10
    most = np.sqrt(max(1, counts.max()))
    cells = []
    for row, column in np.ndindex(counts.shape):
        count = int(counts[row, column])
        kind = "right" if row == column else "wrong"
        shade = np.sqrt(count) / most if row == column else min(1, 0.35 + count / 8)
        x, y = column * cell, row * cell
        if count:
            cells.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" '
                f'height="{cell:.1f}" fill-opacity="{shade:.2f}"/>'
                f'<text class="count" x="{x + cell / 2:.1f}" y="{y + cell / 2 + 4:.1f}">'
                f"{count}</text>"
            )
    ticks = [((digit + 0.5) / 10, str(digit)) for digit in range(10)]
    flipped = [(1 - at, text) for at, text in ticks]
    return _frame("".join(cells), title, axes, x_ticks=ticks, y_ticks=flipped)


def _frame(
    content: str,
    title: str,
    axes: tuple[str, str],
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
) -> str:
    """Put content into a square with a title, named axes and ticks at fractions of a side."""
    below = "".join(
        f'<text x="{at * SIDE:.1f}" y="{SIDE + 16}" class="tick">{escape(text)}</text>'
        for at, text in x_ticks
    )
    beside = "".join(
        f'<text x="-6" y="{(1 - at) * SIDE + 4:.1f}" class="tick side">{escape(text)}</text>'
        for at, text in y_ticks
    )
    width, height = SIDE + 1.5 * MARGIN, SIDE + 2 * MARGIN
    return (
        f'<svg viewBox="{-MARGIN} {-MARGIN * 0.8:.1f} {width} {height}" role="img" '
        f'aria-label="{escape(title)}" class="chart">'
        f'<text x="0" y="-14" class="title">{escape(title)}</text>'
        f'<rect class="plane" width="{SIDE}" height="{SIDE}"/>{content}{below}{beside}'
        f'<text x="{SIDE / 2}" y="{SIDE + 36}" class="axis">{escape(axes[0])}</text>'
        f'<text transform="translate(-52 {SIDE / 2}) rotate(-90)" class="axis">'
        f"{escape(axes[1])}</text></svg>"
    )
