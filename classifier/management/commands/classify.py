import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm


class Command(BaseCommand):
    help = "Classify pictures, and folders with all that is below them."

    def add_arguments(self, parser):
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--url", help="ask a running service, such as http://127.0.0.1:8000")
        parser.add_argument("--json", action="store_true", help="print a JSON object a line")
        parser.add_argument("--keep", action="store_true", help="store them in the history")

    def handle(self, *, paths, url, json: bool, keep, **options):
        from classifier import bulk

        files = [file for path in paths for file in bulk.files(path)]
        show = as_json if json else as_row(max((len(str(file)) for file in files), default=0))
        failed = 0
        for path, row in tqdm(
            self.rows(files, url, keep), total=len(files), unit="picture", disable=None
        ):
            with tqdm.external_write_mode():
                if isinstance(row, OSError):
                    failed += 1
                    self.stderr.write(f"{path}: {row.strerror}")
                else:
                    self.stdout.write(show({"path": str(path), **row}))
        if failed:
            raise CommandError(f"{failed} of {len(files)} could not be opened.")

    def rows(self, files, url, keep):
        from classifier import client, history, inference

        try:
            yield from asked(files, url) if url else read(files, keep)
        except (client.ServiceError, inference.NotReady, history.NotKept, ValueError) as error:
            raise CommandError(str(error), returncode=2) from error


def read(files, keep):
    """Pairs of a path and its row, or the error of opening it, read in this process."""
    from classifier import bulk
    from classifier.inference import InvalidImage

    for path, result in bulk.classify(files, keep):
        if isinstance(result, InvalidImage):
            yield path, {"code": result.code, "detail": result.detail}
        elif isinstance(result, OSError):
            yield path, result
        else:
            yield (
                path,
                {
                    "digit": result.digit,
                    "confidence": round(result.confidence, 6),
                    "status": result.status,
                },
            )


def asked(files, url):
    """The same pairs, answered by a running service."""
    from classifier.client import Client

    service = Client(url)
    for path in files:
        try:
            answer = service.classify_file(path)
        except OSError as error:
            yield path, error
            continue
        shown = ("digit", "confidence", "status") if "digit" in answer else ("code", "detail")
        yield path, {key: answer.get(key) for key in shown}


def as_json(row):
    return json.dumps(row, ensure_ascii=False)


def as_row(width):
    def show(row):
        if "code" in row:
            return f"{row['path']:{width}}  -  {row['code']}: {row['detail']}"
        return f"{row['path']:{width}}  {row['digit']}  {row['confidence']:7.2%}  {row['status']}"

    return show
