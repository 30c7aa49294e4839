"""How long it takes until the service answers, and a command of manage.py.

    python benchmarks/startup.py [--rounds 10]

Starts `manage.py serve` with two workers, on a database that is there, until `/readyz` says
that pictures are read; and `manage.py check`, in turn. Prints the medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.services import PYTHON, ROOT, Ours


class Ready(Ours):
    """The service, started once its pictures are read."""

    def wait(self) -> None:
        for _ in range(2000):
            try:
                connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError((self.folder / "log").read_text())


def seconds_to_serve(folder: Path) -> float:
    with Ready(folder) as service:
        return service.ready_after


def seconds_to_check() -> float:
    started = time.perf_counter()
    subprocess.run([PYTHON, "manage.py", "check"], check=True, cwd=ROOT, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    took = {"ready to answer": [], "manage.py check": []}
    for number in range(options.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="startup-") as folder:
            took["ready to answer"].append(seconds_to_serve(Path(folder, str(number))))
        took["manage.py check"].append(seconds_to_check())
    for name, seconds in took.items():
        counted = seconds[1:]  # the first one reads what the disk has
        print(
            f"{name}: {statistics.median(counted):.2f} s ({min(counted):.2f} to {max(counted):.2f})"
        )


if __name__ == "__main__":
    main()
