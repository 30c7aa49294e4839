"""How much slower uploads are answered and stored among 10,000,000 than among 10,000.

    python benchmarks/posting.py --folder /tmp/growth [--databases sqlite postgres] [--rounds 10]

The same databases as growth.py's, in the same folder; what is posted stays in them. The servers
run at once with two workers each; a round asks each of them in turn, with wrk, 16 connections.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.databases import databases
from benchmarks.services import Ours
from benchmarks.serving import Load, drive, pictures, write_script


class Large(Ours):
    """The service with a database that there is already."""

    prepare = []

    def __init__(self, folder: Path, name: str, url: str):
        self.name = name
        super().__init__(folder)
        self.environment["DATABASE_URL"] = url


def compare(services: list[Large], script: Path, rounds: int, seconds: int) -> None:
    """Print the rates and latencies of the services, and of the last as parts of the first's."""
    seen: list[list[Load]] = []
    for turn in range(-1, rounds):  # the first round is to warm up
        order = services if turn % 2 else services[::-1]
        loads = {service.name: drive(service, script, 16, seconds) for service in order}
        if turn >= 0:
            seen.append([loads[service.name] for service in services])
    for service, loads in zip(services, zip(*seen, strict=True), strict=True):
        print(
            f"  {service.name:>12} rows {median(each.rate for each in loads):7.0f} req/s,"
            f" p50 {median(each.p50 for each in loads):.1f} ms,"
            f" p99 {median(each.p99 for each in loads):.1f} ms,"
            f" {sum(each.failed for each in loads)} failed"
        )
    rates = median(last.rate / first.rate for first, *_, last in seen)
    p99 = median(last.p99 / first.p99 for first, *_, last in seen)
    print(f"  the last against the first: rate {rates:.2f}, p99 {p99:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    for vendor in options.databases:
        with contextlib.ExitStack() as stack:
            urls = stack.enter_context(databases(vendor, options.folder.resolve(), options.sizes))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            script = write_script(folder, "digit", pictures()["digit"])
            services = [
                stack.enter_context(Large(folder, f"{size:,}", url)) for size, url in urls.items()
            ]
            print(f"{vendor}:", flush=True)
            compare(services, script, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
