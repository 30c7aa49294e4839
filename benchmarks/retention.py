"""What `purge_expired` costs those who upload while it deletes 1,000,000 old rows and files.

    python benchmarks/retention.py --folder /tmp/growth [--databases sqlite postgres] [--rows N]

In a round uploads are posted for some seconds without it and for as long with it; it is
interrupted in between, as it may be at any time. At last it runs to its end, with uploads.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


def write_files(url: str, media: Path) -> None:
    """The file of each row: small, in its day's folder."""
    content = pictures()["digit"]
    paths = manage(url, "shell", "-v0", "--command", PATHS).split()
    for folder in {Path(path).parent for path in paths}:
        (media / folder).mkdir(parents=True, exist_ok=True)

    def write(path: str) -> None:
        (media / path).write_bytes(content)

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, paths, chunksize=1000):
            pass


@contextlib.contextmanager
def purging(service: Large):
    """`purge_expired` beside a service, of all that is older than a day, until the end of this."""
    settings = service.environment | {"MNIST_RETENTION_DAYS": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "purge_expired"],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(3)  # until it has started
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def measure(service: Large, script: Path, rounds: int, seconds: int, connections: int) -> None:
    drive(service, script, connections, 2)
    seen = []
    for _ in range(rounds):
        before = drive(service, script, connections, seconds)
        with purging(service):
            seen.append((before, drive(service, script, connections, seconds)))
    for name, loads in zip(("without", "with it"), zip(*seen, strict=True), strict=True):
        print(
            f"  {connections} connections, {name} {median(each.rate for each in loads):6.0f} req/s,"
            f" p50 {median(each.p50 for each in loads):5.1f} ms,"
            f" p99 {median(each.p99 for each in loads):5.1f} ms,"
            f" {sum(each.failed for each in loads)} failed"
        )
    ratio = median(after.p99 / before.p99 for before, after in seen)
    rate = median(after.rate / before.rate for before, after in seen)
    print(f"  p99 {ratio:.2f} of what it is without, rate {rate:.2f}", flush=True)


def count(url: str) -> int:
    command = "from classifier.models import Prediction; print(Prediction.objects.count())"
    return int(manage(url, "shell", "-v0", "--command", command))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", nargs="+", type=int, default=[16, 2])
    options = parser.parse_args()
    for vendor in options.databases:
        with contextlib.ExitStack() as stack:
            folder = options.folder.resolve()
            urls = stack.enter_context(databases(vendor, folder, [options.rows]))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            service = Large(folder, vendor, urls[options.rows])
            write_files(urls[options.rows], Path(service.environment["MEDIA_ROOT"]))
            stack.enter_context(service)
            script = write_script(folder, "digit", pictures()["digit"])
            print(f"{vendor}, {count(urls[options.rows]):,} rows with their files", flush=True)
            for connections in options.connections:
                measure(service, script, options.rounds, options.seconds, connections)
            started, before = time.monotonic(), count(urls[options.rows])
            with purging(service) as process:
                process.wait()
            gone = before - count(urls[options.rows])
            print(f"  the other {gone:,} without uploads: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
