import json
import os
from contextlib import nullcontext
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from classifier import client

GIVE_UP_AFTER = 5  # pictures in a row without an answer
PATIENCE_S = 60  # for a service that says it is busy, for each picture


class GaveUp(RuntimeError):
    """The rest is not asked: the service is away, or lets nobody in."""


class Command(BaseCommand):
    help = "Classify pictures, and folders with all that is below them."

    def add_arguments(self, parser):
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument(
            "--url",
            help="ask a running service, such as http://127.0.0.1:8000; "
            f"with the key in {client.KEY_VARIABLE}, if it wants one",
        )
        parser.add_argument("--json", action="store_true", help="print a JSON object a line")
        parser.add_argument("--keep", action="store_true", help="store them in the history")
        parser.add_argument(
            "--processes", type=int, default=os.cpu_count(), help="one for each core by default"
        )

    def handle(self, *, paths, url, json: bool, keep, processes, **options):
        from classifier import bulk

        if url and keep:
            raise CommandError("--keep does not go with --url: a service keeps what it reads.")
        files = [file for path in paths for file in bulk.files(path)]
        show = as_json if json else as_row(max((len(str(file)) for file in files), default=0))
        failed = 0
        rows = self.rows(files, url, keep, processes)
        progress = tqdm(rows, total=len(files), unit="picture", disable=None)
        aside = nullcontext if progress.disable else tqdm.external_write_mode
        for path, row in progress:
            with aside():
                if isinstance(row, Exception):
                    failed += 1
                    self.stderr.write(f"{path}: {getattr(row, 'strerror', None) or row}")
                else:
                    self.stdout.write(show({"path": str(path), **row}))
        if failed:
            raise CommandError(f"{failed} of {len(files)} got no answer.")

    def rows(self, files, url, keep, processes):
        from classifier import history, inference

        try:
            yield from asked(files, url) if url else read(files, keep, processes)
        except (GaveUp, inference.NotReady, history.NotKept, ValueError) as error:
            raise CommandError(str(error), returncode=2) from error


def read(files, keep, processes):
    """Pairs of a path and its row, or the error of opening it, read on this machine."""
    from classifier import bulk
    from classifier.inference import InvalidImage

    for path, result in bulk.classify(files, keep, processes):
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
    """The same pairs, answered by a running service. One broken connection is that file's alone."""
    failures = 0
    with client.Client(url, client.key_of_environment(), patience_s=PATIENCE_S) as service:
        for path in files:
            try:
                answer = service.classify(path)
            except client.Denied as error:
                raise GaveUp(str(error)) from error
            except client.Refused as error:
                failures, answer = 0, {"code": error.code, "detail": error.detail}
            except OSError as error:
                yield path, error
                continue
            except client.Unreachable as error:
                yield path, error
                failures += 1
                if failures == GIVE_UP_AFTER:
                    raise GaveUp(f"No answer for {failures} pictures in a row.") from error
                continue
            else:
                failures = 0
            shown = ("digit", "confidence", "status") if "digit" in answer else ("code", "detail")
            yield path, {key: answer[key] for key in shown}


def as_json(row):
    return json.dumps(row, ensure_ascii=False)


def as_row(width):
    def show(row):
        if "code" in row:
            return f"{row['path']:{width}}  -  {row['code']}: {row['detail']}"
        return f"{row['path']:{width}}  {row['digit']}  {row['confidence']:7.2%}  {row['status']}"

    return show
