"""What `purge_expired` costs those who upload while it deletes 1,000,000 old rows and files.

    python benchmarks/retention.py --folder /tmp/growth [--databases sqlite postgres] [--rows N]

In a round uploads are posted for some seconds without it and for as long with it; it is
interrupted in between, as it may be at any time. At last it runs to its end, without uploads.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.databases import ROOT, databases, environment
from benchmarks.posting import Large
from benchmarks.serving import drive, pictures, write_script

LIST = "from classifier.models import Prediction as P; print(*P.objects.order_by('pk')"
PATHS = f"{LIST}.values_list('upload', flat=True).iterator(), sep='\\n')"


def manage(url: str, *command: str) -> str:
    said = subprocess.run(
        [sys.executable, "manage.py", *command],
        check=True,
        cwd=ROOT,
        env=environment(url),
        capture_output=True,
        text=True,
    )
    return said.stdout


class Files:
    """The files of all rows, oldest first, as they are deleted: small, in their days' folders."""

    def __init__(self, url: str, media: Path):
        listed = manage(url, "shell", "-v0", "--command", PATHS).split()
        self.paths = [media / path for path in listed]
        for folder in {path.parent for path in self.paths}:
            folder.mkdir(parents=True, exist_ok=True)
        content = pictures()["digit"]
        for path in self.paths:
            path.write_bytes(content)

    def gone(self) -> int:
        return bisect(self.paths, False, key=Path.exists)


@contextlib.contextmanager
def purging(service: Large, files: Files):
    """`purge_expired` of all that is older than a day, at work, until the end of this."""
    before = files.gone()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "purge_expired"],
        cwd=ROOT,
        env=service.environment | {"MNIST_RETENTION_DAYS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while files.gone() == before and process.poll() is None:
        time.sleep(0.1)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def measure(service: Large, files: Files, script: Path, connections: int, options) -> None:
    """Print rates and latencies with and without it, and how fast it was."""
    drive(service, script, connections, 2)
    seen, deleted = [], []
    for _ in range(options.rounds):
        loads = [drive(service, script, connections, options.seconds)]
        with purging(service, files):
            before = files.gone()
            loads.append(drive(service, script, connections, options.seconds))
            deleted.append((files.gone() - before) / options.seconds)
        seen.append(loads)
    for name, loads in zip(("without", "with it"), zip(*seen, strict=True), strict=True):
        print(
            f"  {connections} connections, {name} {median(each.rate for each in loads):6.0f} req/s,"
            f" p50 {median(each.p50 for each in loads):5.1f} ms,"
            f" p99 {median(each.p99 for each in loads):5.1f} ms,"
            f" {sum(each.failed for each in loads)} failed"
        )
    ratio = median(after.p99 / before.p99 for before, after in seen)
    rate = median(after.rate / before.rate for before, after in seen)
    print(f"  p99 {ratio:.2f} of what it is without, rate {rate:.2f};", end=" ")
    print(f"{median(deleted):.0f} rows and files a second went", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", nargs="+", type=int, default=[16, 2])
    options = parser.parse_args()
    # In a shell's background it is ignored, and would be by what is started from here, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for vendor in options.databases:
        with contextlib.ExitStack() as stack:
            folder = options.folder.resolve()
            urls = stack.enter_context(databases(vendor, folder, [options.rows]))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            service = Large(folder, vendor, urls[options.rows])
            files = Files(urls[options.rows], Path(service.environment["MEDIA_ROOT"]))
            stack.enter_context(service)
            script = write_script(folder, "digit", pictures()["digit"])
            print(f"{vendor}, {len(files.paths) - files.gone():,} files", flush=True)
            for connections in options.connections:
                measure(service, files, script, connections, options)
            started, before = time.monotonic(), files.gone()
            with purging(service, files) as process:
                process.wait()
            took = time.monotonic() - started
            print(f"  the other {files.gone() - before:,} without uploads: {took:.0f} s")


if __name__ == "__main__":
    main()
