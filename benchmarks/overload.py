"""What is carried when more comes in than can be: does it fall under twice or five times the load?

    python benchmarks/overload.py [--rounds 3] [--seconds 10] [--clients 200 1000]

Who asks has a core of its own, as if on another machine; the server has the others, a worker on
each: what asking five times as often takes would else be missing where the answers are made.
The peak is the most that 16, 32 or 64 connections get that ask as soon as they are answered.
Then a crowd wants to ask twice and five times as often in all, each client at random moments (wrk,
whose script waits before each request). Only stored uploads count. Beside, somebody asks by a new
connection some times a second, and notes how fast a refusal comes: one that was refused is not
heard again for a second, so fewer are answered than are wanted.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.services import Ours
from benchmarks.serving import Load, body, drive, pictures, write_script

PEAK_CLIENTS = (16, 32, 64)
LOADS = (2, 5)
*SERVING, ASKING = sorted(os.sched_getaffinity(0))  # cores
PROBE_EVERY_S = 0.1
PACE = """
function delay()
    return -math.log(1 - math.random()) * {mean_ms}
end
"""


class Apart(Ours):
    """The service on all cores but one."""

    serve = ["manage.py", "serve", "--workers", str(len(SERVING)), "--no-worker"]

    def __enter__(self):
        os.sched_setaffinity(0, SERVING)  # who is started now inherits it
        started = super().__enter__()
        os.sched_setaffinity(0, {ASKING})
        return started


class Probe(threading.Thread):
    """Asks every now and then, as somebody new; notes each status and how long it took."""

    def __init__(self, port: int, upload: bytes):
        super().__init__(daemon=True)
        self.port, self.content = port, body(upload)
        self.over, self.seen = threading.Event(), []

    def run(self) -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=boundary"}
        while not self.over.wait(PROBE_EVERY_S):
            started = time.perf_counter()
            connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("POST", "/mnist/classify", self.content, headers)
            response = connection.getresponse()
            response.read()
            told = response.status, response.headers.get("Retry-After")
            connection.close()
            self.seen.append((*told, (time.perf_counter() - started) * 1e3))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.join()


def paced(script: Path, clients: int, rate: float) -> Path:
    """The script, its connections wanting to ask so many times a second in all."""
    path = script.with_name(f"paced-{clients}-{rate:.0f}.lua")
    path.write_text(script.read_text() + PACE.format(mean_ms=clients / rate * 1e3))
    return path


def carried(load: Load, seconds: int) -> float:
    """Stored uploads a second."""
    return load.rate - load.failed / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[200, 1000])
    options = parser.parse_args()
    if not SERVING:
        parser.error("Expected two cores: one to ask from, and one to answer on.")
    seconds, probed = options.seconds, []
    closed = {clients: [] for clients in PEAK_CLIENTS}
    opened = {crowd: [] for crowd in itertools.product(options.clients, LOADS)}
    with tempfile.TemporaryDirectory() as name, Apart(Path(name)) as service:
        upload = pictures()["digit"]
        script = write_script(Path(name), "digit", upload)
        drive(service, script, 32, 1)
        for _ in range(options.rounds):
            for clients, found in closed.items():
                found.append(carried(drive(service, script, clients, seconds), seconds))
            peak = max(map(statistics.median, closed.values()))
            for (clients, times), found in opened.items():
                with Probe(service.port, upload) as probe:
                    load = drive(service, paced(script, clients, times * peak), clients, seconds)
                found.append((load.rate, carried(load, seconds)))
                probed += probe.seen
    peak = max(map(statistics.median, closed.values()))
    print(f"peak: {peak:.0f} stored/s by {len(SERVING)} worker(s)")
    for (clients, times), found in opened.items():
        asked, got = map(statistics.median, zip(*found, strict=True))
        print(
            f"{clients} clients, {times} times the peak: {asked:.0f} answers/s,"
            f" of these {got:.0f} stored: {got / peak:.2f} of the peak"
        )
    refusals = sorted(took for status, later, took in probed if status == 503 and later)
    others = {status for status, later, _ in probed} - {200, 503}
    if refusals:
        print(
            f"a refusal (503 with Retry-After): median {statistics.median(refusals):.1f} ms,"
            f" p99 {refusals[int(0.99 * len(refusals))]:.1f} ms, of {len(refusals)};"
            f" other answers: {sorted(others) or 'none'}"
        )


if __name__ == "__main__":
    main()
