"""Charts as SVG without a script: they print, and pass any content policy.

Colours and lettering are the style sheet's. Lengths are user units.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 420, 240  # of the plane in which data is drawn
LEFT, TOP, RIGHT, BELOW = 52, 34, 8, 50  # around it
MOST_TICKS = 10  # names below a chart; of more, every second, third ... is written


def intervals(
    points: Sequence[tuple[str, float, tuple[float, float]]], title: str, axis: str
) -> SafeString:
    """Shares with their intervals, side by side: (name, share, (low, high)) each."""
    floor = np.floor(10 * min((low for _, _, (low, _) in points), default=0)) / 10
    ceiling = np.ceil(10 * max((high for _, _, (_, high) in points), default=1)) / 10
    step = WIDTH / max(1, len(points))

    def y(share: float) -> str:
        return f"{HEIGHT * (ceiling - share) / max(0.1, ceiling - floor):.1f}"

    marks = format_html_join(
        "",
        '<g><title>{0}: {1}</title><path class="whisker" d="M{2},{3} V{4}"/>'
        '<circle class="point" cx="{2}" cy="{5}" r="4"/></g>',
        (
            (name, f"{share:.1%}", f"{(index + 0.5) * step:.1f}", y(low), y(high), y(share))
            for index, (name, share, (low, high)) in enumerate(points)
        ),
    )
    return _frame(marks, title, axis, [name for name, *_ in points], (floor, ceiling))


def pairs(
    kinds: Sequence[str], before: np.ndarray, now: np.ndarray, title: str, axis: str
) -> SafeString:
    """Two shares of each kind as bars side by side; (n,) each, 0-1."""
    ceiling = max(0.1, np.ceil(max(before.max(), now.max()) * 10) / 10)
    step = WIDTH / len(kinds)
    bars = format_html_join(
        "",
        '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (
                ("before", "now")[column],
                f"{(index + 0.12 + 0.38 * column) * step:.1f}",
                f"{HEIGHT * (1 - share / ceiling):.1f}",
                f"{0.38 * step:.1f}",
                f"{HEIGHT * share / ceiling:.1f}",
                kind,
                f"{share:.1%}",
            )
            for column, shares in enumerate((before, now))
            for index, (kind, share) in enumerate(zip(kinds, shares, strict=True))
        ),
    )
    return _frame(bars, title, axis, kinds, (0.0, ceiling))


def columns(
    points: Sequence[tuple[str, int, int]], title: str, axis: str, kinds: tuple[str, str]
) -> SafeString:
    """Counts of two kinds on top of each other, side by side: (name, lower, upper) each."""
    ceiling = ceiling_of(max((lower + upper for _, lower, upper in points), default=0))
    step = WIDTH / max(1, len(points))
    high = HEIGHT / ceiling
    bars = format_html_join(
        "",
        "<g><title>{0}: {1}</title>"
        '<rect class="bar {2}" x="{4}" y="{6}" width="{5}" height="{7}"/>'
        '<rect class="bar {3}" x="{4}" y="{8}" width="{5}" height="{9}"/></g>',
        (
            (
                name,
                f"{lower:,} {kinds[0]}, {upper:,} {kinds[1]}",
                *kinds,
                f"{(index + 0.15) * step:.1f}",
                f"{0.7 * step:.1f}",
                f"{HEIGHT - high * lower:.1f}",
                f"{high * lower:.1f}",
                f"{HEIGHT - high * (lower + upper):.1f}",
                f"{high * upper:.1f}",
            )
            for index, (name, lower, upper) in enumerate(points)
        ),
    )
    return _frame(bars, title, axis, [name for name, *_ in points], (0, ceiling), write=short)


def ceiling_of(most: int) -> int:
    """The least of 4, 8, 20, 40, 80, 200 ... that is not below `most`: quarters are round."""
    ceilings = (step * 10**power for power in range(18) for step in (4, 8, 20))
    return next(each for each in ceilings if each >= most)


def short(count: float) -> str:
    """A count in at most five characters."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 10 * limit or (count >= limit and count % (limit / 10) == 0):
            return f"{count / limit:g}{unit}"
    return f"{count:g}"


def matrix(
    counts: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, axis: str
) -> SafeString:
    """Counts, (rows, columns) int, shaded; where row and column are the same it is right."""
    wide, high = WIDTH / len(columns), HEIGHT * 1.4 / len(rows)
    most = np.sqrt(max(1, counts.max()))
    cells = format_html_join(
        "",
        '<g><title>{0} read as {1}: {2}</title><rect class="{3}" x="{4}" y="{5}" width="{6}" '
        'height="{7}" fill-opacity="{8}"/><text class="count" x="{9}" y="{10}">{2}</text></g>',
        (
            (
                rows[row],
                columns[column],
                int(counts[row, column]),
                "right" if rows[row] == columns[column] else "wrong",
                f"{column * wide:.1f}",
                f"{row * high:.1f}",
                f"{wide:.1f}",
                f"{high:.1f}",
                f"{0.15 + 0.75 * np.sqrt(counts[row, column]) / most:.2f}",
                f"{(column + 0.5) * wide:.1f}",
                f"{(row + 0.5) * high + 4:.1f}",
            )
            for row, column in zip(*counts.nonzero(), strict=True)
        ),
    )
    beside = [(HEIGHT * 1.4 * (row + 0.5) / len(rows), name) for row, name in enumerate(rows)]
    return _svg(cells, title, axis, _below(columns, HEIGHT * 1.4), _beside(beside), HEIGHT * 1.4)


def _frame(
    content: SafeString,
    title: str,
    axis: str,
    names: Sequence[str],
    limits: tuple[float, float],
    write: Callable[[float], str] = "{:.0%}".format,
) -> SafeString:
    """A plane with names below it and shares, or counts, beside it."""
    low, high = limits
    beside = [
        (HEIGHT * (1 - part), write(low + part * (high - low))) for part in (0, 0.25, 0.5, 0.75, 1)
    ]
    return _svg(content, title, axis, _below(names, HEIGHT), _beside(beside), HEIGHT)


def _below(names: Sequence[str], height: float) -> SafeString:
    every = -(-len(names) // MOST_TICKS)
    return format_html_join(
        "",
        '<text class="tick" x="{}" y="{}">{}</text>',
        (
            (f"{(index + 0.5) * WIDTH / len(names):.1f}", f"{height + 18:.1f}", name)
            for index, name in enumerate(names)
            if index % every == 0
        ),
    )


def _beside(ticks: Iterable[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<text class="tick side" x="-8" y="{}">{}</text>',
        ((f"{at + 4:.1f}", text) for at, text in ticks),
    )


def _svg(
    content: SafeString,
    title: str,
    axis: str,
    below: SafeString,
    beside: SafeString,
    height: float,
) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="{} {} {} {}" role="img" aria-label="{}">'
        '<text class="title" x="0" y="-14">{}</text>'
        '<rect class="plane" width="{}" height="{}"/>{}{}{}'
        '<text class="axis" x="{}" y="{}">{}</text></svg>',
        -LEFT,
        -TOP,
        LEFT + WIDTH + RIGHT,
        f"{TOP + height + BELOW:.0f}",
        title,
        title,
        WIDTH,
        f"{height:.0f}",
        content,
        below,
        beside,
        WIDTH // 2,
        f"{height + 42:.0f}",
        axis,
    )
