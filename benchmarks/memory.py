"""What the server weighs after 100,000 uploads, beside what it weighed after 1,000.

    python benchmarks/memory.py [--uploads 100000]

Uploads of mixed sizes are posted on 16 connections, and stored. What counts is the proportional
set size of all of its processes, when it has rested for two seconds.
"""

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.services import ROOT, Ours
from benchmarks.serving import body, pictures

CONNECTIONS = 16
EARLY = 1000
SIZES = {"digit": 85, "drawing": 10, "sample": 5}  # of 100 uploads; a sample has its own size
HEADERS = {"Content-Type": "multipart/form-data; boundary=boundary"}


def bodies() -> list[bytes]:
    """A hundred uploads, in their shares."""
    kinds = pictures()
    samples = sorted((ROOT / "fixtures" / "digits").iterdir())
    random.Random(0).shuffle(samples)
    kinds = {"digit": [kinds["digit"]], "drawing": [kinds["drawing"]]}
    kinds["sample"] = [path.read_bytes() for path in samples[: SIZES["sample"]]]
    found = [
        body(kinds[kind][at % len(kinds[kind])]) for kind in SIZES for at in range(SIZES[kind])
    ]
    random.Random(0).shuffle(found)
    return found


def post(port: int, uploads: list[bytes], count: int) -> None:
    """Post so many, on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(count):
        content = uploads[number % len(uploads)]
        connection.request("POST", "/mnist/classify", content, HEADERS)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"An upload was answered {response.status}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=100_000)
    options = parser.parse_args()
    uploads, done, early = bodies(), 0, 0
    with tempfile.TemporaryDirectory() as name, Ours(Path(name)) as service:
        for goal in (EARLY, 10_000, options.uploads // 2, options.uploads):
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                counts = [(goal - done) // CONNECTIONS] * CONNECTIONS
                list(pool.map(lambda count: post(service.port, uploads, count), counts))
            done += sum(counts)
            time.sleep(2)
            now = service.memory()
            early = early or now
            print(f"{done:7} uploads: {now / 2**20:6.1f} MiB, {now / early:.3f}", flush=True)


if __name__ == "__main__":
    main()
