"""What each fast path of an upload saves: its processor time with and without, in one process.

    python benchmarks/fast_paths.py [--rounds 12] [--picture digit|drawing]

A fast path departs from how Django or DRF is normally used, or reads a file by our own code. In
each round it is taken out and put back in turn; printed is the median of the ratios of a round.
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.serving import body, pictures

UPLOADS = {"digit": 100, "drawing": 30}  # in one measurement


def set_up(folder: str) -> None:
    """Set Django up with a database and files in the folder."""
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "MEDIA_ROOT": f"{folder}/media",
        "PROMETHEUS_MULTIPROC_DIR": f"{folder}/metrics",
        "DJANGO_SETTINGS_MODULE": "mnistsite.settings",
        "DJANGO_SECRET_KEY": "only for measuring",
        "LOG_LEVEL": "WARNING",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def without() -> dict[str, Callable]:
    """For each fast path, a context in which the ordinary way is taken instead."""
    from classifier import history, metrics, short_path, storage
    from classifier.api import upload
    from classifier.models import Prediction

    def insert_by_orm(rows):
        kept = []
        for row in rows:
            columns = {name: value for name, value in row.items() if name != "version_id"}
            saved = Prediction(**columns)
            saved.save(force_insert=True)
            kept.append(history.Kept(saved.pk, saved.created_at, row))
        return kept

    def count_at_once(metric, labels, seconds=None):
        child = metric.labels(*labels)
        child.inc() if seconds is None else child.observe(seconds)

    through = lambda self, request: self.get_response(request)  # noqa: E731
    return {
        "multipart bodies cut at their boundaries": lambda: patch.object(
            upload, "read_plain", lambda *body: None
        ),
        "no middleware that only pages need": lambda: patch.object(
            short_path.ShortPathMiddleware, "__call__", through
        ),
        "one write for a file": lambda: patch.object(storage, "FRESH", re.compile("never")),
        "INSERT composed once": lambda: patch.object(history, "_insert", insert_by_orm),
        "metrics counted once a second": lambda: patch.object(metrics, "note", count_at_once),
    }


def measure(respond: Callable, scope: dict, content: bytes, count: int) -> float:
    """Processor time of an upload, in microseconds."""
    started = time.process_time()
    for _ in range(count):
        response = respond(scope, content)
    if response.status_code != 200:
        raise RuntimeError(response.content)
    return (time.process_time() - started) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--picture", choices=UPLOADS, default="digit")
    options = parser.parse_args()
    content, count = body(pictures()[options.picture]), UPLOADS[options.picture]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mnist/classify",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"multipart/form-data; boundary=boundary"),
            (b"content-length", b"%d" % len(content)),
        ],
    }
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        set_up(folder)
        from mnistsite.adapter import Handler

        respond, paths = Handler().respond, without()
        measure(respond, scope, content, count)
        with_all, ratios = [], {name: [] for name in paths}
        for _ in range(options.rounds):
            for name, path in paths.items():
                before = measure(respond, scope, content, count)
                with path():
                    slow = measure(respond, scope, content, count)
                after = measure(respond, scope, content, count)
                with_all.append(before)
                ratios[name].append(slow / ((before + after) / 2))
    print(f"{options.picture}: {statistics.median(with_all):.0f} us of processor time an upload")
    for name, found in ratios.items():
        line = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        print(f"  without {name}: {line} times that", flush=True)


if __name__ == "__main__":
    main()
