import os
import sys
from datetime import date
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from classifier.models import NOT_A_DIGIT, Prediction, PredictionQuerySet

FORMATS = ("csv", "jsonl", "zip")
LABELS = {**{str(digit): digit for digit in range(10)}, "not_a_digit": NOT_A_DIGIT}


class Command(BaseCommand):
    help = "Write the history to a file: rows as CSV or JSON lines, or the pictures as a ZIP."

    def add_arguments(self, parser):
        parser.add_argument(
            "file", type=Path, help="named .csv, .jsonl or .zip; - is standard output"
        )
        parser.add_argument("--format", choices=FORMATS, help="whatever the file's name is")
        parser.add_argument("--digit", type=int, choices=range(10), help="that was read")
        parser.add_argument("--label", choices=LABELS, help="that people gave")
        parser.add_argument("--status", choices=PredictionQuerySet.STATUSES)
        parser.add_argument("--review", choices=PredictionQuerySet.REVIEWS)
        parser.add_argument("--model", help="the name of the version that answered")
        for option, help in (("--since", "the first day"), ("--until", "the last day")):
            parser.add_argument(option, type=date.fromisoformat, metavar="YYYY-MM-DD", help=help)

    def handle(self, *, file, format, **options):
        from classifier import export

        format = format or file.suffix.lstrip(".").lower()
        if format not in FORMATS:
            raise CommandError(f"Expected a name in {', '.join(FORMATS)}, or --format.")
        rows = self.counted(export.predictions(chosen(options)))
        try:
            write(file, export.FORMATS[format].pieces(rows))
        except OSError as error:
            raise CommandError(f"{file} could not be written: {error.strerror}.") from error
        out = self.stderr if str(file) == "-" else self.stdout
        out.write(f"Exported {self.count} {'upload' if self.count == 1 else 'uploads'}.")

    def counted(self, rows):
        """The same rows, counted and with progress shown on a terminal."""
        self.count = 0
        for row in tqdm(rows, unit="upload", disable=None):
            self.count += 1
            yield row


def chosen(options):
    """The rows that the options name, as the admin's list would filter them."""
    rows = Prediction.objects.uploaded(options["since"], options["until"])
    if options["digit"] is not None:
        rows = rows.filter(digit=options["digit"])
    if options["label"]:
        rows = rows.filter(label=LABELS[options["label"]])
    if options["status"]:
        rows = rows.with_status(options["status"])
    if options["review"]:
        rows = rows.with_review(options["review"])
    return rows.filter(version__name=options["model"]) if options["model"] else rows


def write(file, pieces):
    """Write beside the file's place, then rename: a file of that name is always whole."""
    if str(file) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    partial = file.with_name(f".{file.name}.partial")
    try:
        with open(partial, "wb") as out:
            out.writelines(pieces)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
