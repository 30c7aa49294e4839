"""Answers to a report: figures as JSON, and one HTML page with charts and mistakes."""

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from . import charts, evaluate, picture
from .evaluate import Answers, Kept, Labelled
from .predict import Guess

BINS = 15
Z = 1.96  # standard deviations to either side that hold 95 %
MOST_MISTAKES = 200  # told of one set
THUMBNAIL_SIDE = 112  # pixels
STYLE = Path(__file__).parent / "report.css"


def wilson(correct: int, images: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927)."""
    if images == 0:
        return 0.0, 1.0
    share, z2 = correct / images, Z * Z
    middle = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = Z / (1 + z2 / images) * np.sqrt(share * (1 - share) / images + z2 / (4 * images**2))
    return float(max(0, middle - half)), float(min(1, middle + half))


def summarize(answers: Answers) -> dict:
    """All figures of a set: what `evaluate.figures` gives, intervals, curves, the matrix."""
    figures = evaluate.figures(answers)
    low, high = wilson(figures["correct"], figures["images"])
    digits, guessed, confidence = _columns(answers)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (digits, guessed), 1)
    asked = np.bincount([picture.digit for picture in answers.pictures], minlength=10)
    return figures | {
        "interval": [round(low, 6), round(high, 6)],
        "confusion": confusion.tolist(),
        "recall": [
            round(int(confusion[digit, digit]) / int(count), 6) if count else None
            for digit, count in enumerate(asked)
        ],
        "reliability": _reliability(confidence, guessed == digits),
        "coverage": _coverage(confidence, guessed == digits),
        "mistakes": [_mistake(*pair) for pair in answers.mistakes()[:MOST_MISTAKES]],
    }


def _columns(answers: Answers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, answers and confidence of the pictures that were read, (n,) each."""
    read = [
        (picture.digit, guess.digit, guess.confidence)
        for picture, guess in zip(answers.pictures, answers.guesses, strict=True)
        if guess is not None
    ]
    digits, guessed, confidence = zip(*read, strict=True) if read else ((), (), ())
    return np.array(digits, int), np.array(guessed, int), np.array(confidence, float)


def _reliability(confidence: np.ndarray, correct: np.ndarray) -> list[list[float]]:
    """Mean confidence, accuracy and count of each bin of confidence that is not empty."""
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        [
            round(float(confidence[index == each].mean()), 4),
            round(float(correct[index == each].mean()), 4),
            int((index == each).sum()),
        ]
        for each in np.unique(index)
    ]


def _coverage(confidence: np.ndarray, correct: np.ndarray) -> list[list[float]]:
    """The accuracy of the surest part of the answers, for parts from a tenth to all."""
    ranked = correct[np.argsort(-confidence, kind="stable")]
    counts = (
        [max(1, round(len(ranked) * part / 20)) for part in range(2, 21)] if len(ranked) else []
    )
    return [[round(n / len(ranked), 4), round(float(ranked[:n].mean()), 5)] for n in counts]


def _mistake(picture: Labelled, guess: Guess | None) -> dict:
    answer = {"name": picture.name, "label": picture.digit}
    if guess is None:
        return answer | {"answer": None}
    return answer | {
        "answer": guess.digit,
        "confidence": round(guess.confidence, 4),
        "reason": guess.reason,
    }


def write(
    folder: Path, facts: dict, sets: Sequence[Answers], pictures_of: Sequence[str] | None = None
) -> None:
    """Write report.json and report.html about a version.

    `facts` are its checkpoint's. `pictures_of` names the sets whose mistakes are shown as
    pictures; without it, all are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summaries = [summarize(answers) for answers in sets]
    record = {"model": facts["name"], "facts": facts, "sets": summaries}
    (folder / "report.json").write_text(json.dumps(record, indent=1) + "\n")
    sections = [
        _section(summary, answers if pictures_of is None or answers.name in pictures_of else None)
        for summary, answers in zip(summaries, sets, strict=True)
    ]
    (folder / "report.html").write_text(_page(facts, summaries, sections))


def _page(facts: dict, summaries: list[dict], sections: list[str]) -> str:
    name = escape(facts["name"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Version {name}, measured</title><style>{STYLE.read_text()}</style></head>\n<body>"
        f"<main><h1>Version {name}, measured</h1>\n<p>Network {escape(facts['network'])}, "
        f"{facts['parameters']:,} parameters, trained on {facts['created_at'][:10]} for "
        f"{facts['epochs']} epochs with seed {facts['seed']}.</p>\n"
        f"{_table(summaries)}\n{''.join(sections)}</main></body></html>\n"
    )


def _table(summaries: list[dict]) -> str:
    head = "".join(
        f"<th>{title}</th>"
        for title in (
            "set",
            "pictures",
            "refused",
            "right",
            "accuracy",
            "95 % interval",
            "certain",
            "right of these",
            "certain of the right ones",
            "calibration error",
        )
    )
    rows = "".join(f"<tr>{_cells(summary)}</tr>" for summary in summaries)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(summary: dict) -> str:
    low, high = summary["interval"]
    values = (
        escape(summary["name"]),
        summary["images"],
        summary["refused"],
        summary["correct"],
        _percent(summary["accuracy"]),
        f"{_percent(low)} to {_percent(high)}",
        _percent(summary.get("certain")),
        _percent(summary.get("accuracy_of_certain")),
        _percent(summary.get("certain_of_correct")),
        _percent(summary.get("calibration_error")),
    )
    return "".join(f"<td>{value}</td>" for value in values)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _section(summary: dict, shown: Answers | None) -> str:
    recall = "".join(f"<td>{_percent(share)}</td>" for share in summary["recall"])
    digits = "".join(f"<th>{digit}</th>" for digit in range(10))
    return (
        f"<section><h2>{escape(summary['name'])}</h2><div class='charts'>"
        + charts.matrix(np.array(summary["confusion"]), "Confusion", ("answer", "label"))
        + charts.line_chart(
            [(x, y) for x, y, _ in summary["reliability"]],
            "Reliability",
            ("confidence", "accuracy"),
            diagonal=True,
        )
        + charts.line_chart(
            summary["coverage"],
            "Accuracy against coverage",
            ("the surest part of the answers", "accuracy"),
            y_range=(min([0.99, *(y for _, y in summary["coverage"])]) - 0.005, 1.0),
        )
        + f"</div><table><caption>Recall of each digit</caption><tr>{digits}</tr>"
        f"<tr>{recall}</tr></table>{_mistakes(summary, shown)}</section>\n"
    )


def _mistakes(summary: dict, shown: Answers | None) -> str:
    if not summary["mistakes"]:
        return "<p>No mistakes.</p>"
    if shown is None:
        mistakes = summary["images"] - summary["correct"]
        return f"<p>{mistakes} mistakes, the first {MOST_MISTAKES} named in report.json.</p>"
    cards = "".join(_card(*pair) for pair in shown.mistakes()[:MOST_MISTAKES])
    return f"<h3>Mistakes</h3><ul class='mistakes'>{cards}</ul>"


def _card(mistake: Labelled, guess: Guess | None) -> str:
    said = "refused" if guess is None else f"read as {guess.digit} ({guess.confidence:.0%})"
    return (
        f"<li>{_pictures(mistake.source, guess)}"
        f"<span>{escape(mistake.name)}<br>a {mistake.digit}, {said}</span></li>"
    )


def _pictures(source: Path | np.ndarray | Kept, guess: Guess | None) -> str:
    """A picture and what the network saw; of one that a site keeps, only where it shows it."""
    if isinstance(source, Kept):
        page, address = (escape(each) for each in source)
        return f'<a href="{page}"><img src="{address}" alt="the upload" loading="lazy"></a>'
    shown = _image(_upload(source))
    return shown if guess is None else shown + _image(picture.as_png(guess.pixels))


def _upload(source: Path | np.ndarray) -> bytes:
    if isinstance(source, np.ndarray):
        return picture.as_png(source)
    return picture.thumbnail(source.read_bytes(), THUMBNAIL_SIDE)


def _image(png: bytes) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="">'
