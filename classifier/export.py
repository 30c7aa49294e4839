"""The history as a file, in pieces: memory does not grow with what is exported."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from django.db.models import QuerySet

from .models import NOT_A_DIGIT, Prediction

BATCH = 500  # rows of one query
FIELDS = [
    *("id", "created_at", "original_name", "format", "bytes", "sha256", "model"),
    *("digit", "confidence", "status", "reason", "label", "request_id", "erased_at"),
    "probabilities",
]
# Spreadsheets run a cell that begins with one of = + - @ as a formula, and a client chooses its
# files' names (OWASP, "CSV injection"). Where a comma is the decimal separator they split a line
# at semicolons, and some at tabs, whatever is in quotes: so a formula may begin after these, too.
FORMULA = re.compile(r"""(?:^|(?<=[;,\t\r\n]))(?=[\s"']*[=+\-@＝＋－＠]|[\t\r\n])""")  # noqa: RUF001


class Format(NamedTuple):
    """How rows become a file: pieces of bytes of a media type."""

    pieces: Callable[[Iterable[Prediction]], Iterator[bytes]]
    media_type: str


def predictions(chosen: QuerySet[Prediction]) -> Iterator[Prediction]:
    """The chosen rows, oldest first, each with its version."""
    for keys in chosen.keys_in_batches(BATCH):
        yield from (Prediction.objects.filter(pk__in=keys).select_related("version").order_by("pk"))


def record(prediction: Prediction) -> dict:
    """What is told of a row: a value for each of FIELDS."""
    values = (
        prediction.pk,
        prediction.created_at.isoformat(),
        prediction.original_name,
        prediction.format,
        prediction.size,
        prediction.sha256_hex,
        prediction.version.name,
        prediction.digit,
        round(prediction.confidence, 6),
        prediction.status,
        prediction.reason,
        "" if prediction.label is None else prediction.get_label_display(),
        prediction.request_id,
        prediction.erased_at.isoformat() if prediction.erased_at else "",
        [round(float(each), 6) for each in prediction.probabilities],
    )
    return dict(zip(FIELDS, values, strict=True))


def as_csv(rows: Iterable[Prediction]) -> Iterator[bytes]:
    """A line of names, then a line for each row; the probabilities are ten columns."""
    yield csv_line([*FIELDS[:-1], *(f"probability_{digit}" for digit in range(10))])
    for row in rows:
        *cells, probabilities = record(row).values()
        yield csv_line([*cells, *probabilities])


def csv_line(cells: list) -> bytes:
    """Cells as a line of CSV."""
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(cell) for cell in cells])
    return line.getvalue().encode()


def _harmless(cell):
    """A cell that no spreadsheet takes for a formula."""
    return FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def as_json_lines(rows: Iterable[Prediction]) -> Iterator[bytes]:
    """A JSON object a line."""
    for row in rows:
        yield json.dumps(record(row), ensure_ascii=False).encode() + b"\n"


def as_zip(rows: Iterable[Prediction]) -> Iterator[bytes]:
    """The uploads as they were sent, in a folder for each label; none that was erased.

    Kept in memory: one upload, and 1 KB for each in the directory at a ZIP's end.
    """
    written = _Written()
    missing = []
    with zipfile.ZipFile(written, "w") as archive:  # pictures are compressed already
        for row in rows:
            if row.erased_at:
                continue
            try:
                with row.upload.open() as file:
                    archive.writestr(_entry(row), file.read())
            except FileNotFoundError:
                missing.append(row.pk)
            yield written.take()
        if missing:
            archive.writestr("missing.txt", "".join(f"{pk}\n" for pk in missing))
    yield written.take()


def _entry(row: Prediction) -> zipfile.ZipInfo:
    folder = {None: "not_reviewed", NOT_A_DIGIT: "not_a_digit"}.get(row.label, str(row.label))
    extension = row.upload.name.rpartition(".")[2]
    return zipfile.ZipInfo(f"{folder}/{row.pk}.{extension}", row.created_at.timetuple()[:6])


class _Written:
    """A file that only remembers what was written to it since it was last asked."""

    def __init__(self):
        self._pieces = []

    def write(self, piece) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


FORMATS = {
    "csv": Format(as_csv, "text/csv; charset=utf-8"),
    "jsonl": Format(as_json_lines, "application/x-ndjson"),
    "zip": Format(as_zip, "application/zip"),
}
