"""What it costs to wait for the disk: MNIST_DURABILITY=power-safe beside fast.

    python benchmarks/durability.py --folder /var/tmp [--rounds 12] [--seconds 2] [--pictures digit]

Both sites run at once, each with two workers and idle but for its turn; a round asks each for
some seconds with wrk, at one connection and at 16, in turn. Printed are the medians of the rounds
and the median of the ratios within a round. The folder has to be on the disk that is measured:
in memory, waiting costs nothing.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.services import Ours, Service
from benchmarks.serving import Load, drive, pictures, write_script

CONNECTIONS = (1, 16)
IN_MEMORY = ("tmpfs", "ramfs")


class Fast(Ours):
    name = "fast"


class PowerSafe(Ours):
    name = "power-safe"


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on."""
    mounts = [
        each
        for each in psutil.disk_partitions(all=True)
        if folder.resolve().is_relative_to(each.mountpoint)
    ]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype


def compare(fast: Service, safe: Service, script: Path, connections: int, options) -> None:
    """Print what both answer at so many connections, and the ratio."""
    pairs: list[tuple[Load, Load]] = []
    for service in (fast, safe):
        drive(service, script, connections, 1)
    for turn in range(options.rounds):
        order = (fast, safe) if turn % 2 == 0 else (safe, fast)  # neither always comes first
        loads = {each.name: drive(each, script, connections, options.seconds) for each in order}
        pairs.append((loads[fast.name], loads[safe.name]))
    for service, seen in zip((fast, safe), zip(*pairs, strict=True), strict=True):
        median = [statistics.median(values) for values in zip(*seen, strict=True)]
        rate, _, p50, p99 = median
        failed = sum(load.failed for load in seen)
        print(
            f"  {connections:2} connections, {service.name:10} {rate:7.0f} req/s, "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {failed} failed"
        )
    ratio = statistics.median(other.rate / one.rate for one, other in pairs)
    print(f"  {connections:2} connections: power-safe is {ratio:.2f} of fast", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--pictures", nargs="+", default=["digit", "drawing"])
    options = parser.parse_args()
    kind = file_system(options.folder)
    if kind in IN_MEMORY:
        parser.error(f"{options.folder} is in memory ({kind}). Name a folder on a disk: --folder")
    print(f"{options.folder} is on {kind}.")
    with tempfile.TemporaryDirectory(dir=options.folder) as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        services = Fast(folder), PowerSafe(folder)
        for service in services:
            service.environment["MNIST_DURABILITY"] = service.name
            stack.enter_context(service)
        for picture in options.pictures:
            upload = pictures()[picture]
            print(f"{picture}, {len(upload)} bytes:")
            script = write_script(folder, picture, upload)
            for connections in CONNECTIONS:
                compare(*services, script, connections, options)


if __name__ == "__main__":
    main()
