"""Clients that post pictures at once, and what must be true of all they were answered."""

import hashlib
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from classifier.client import Client, Refused, ServiceError


class Load:
    """Posts pictures in turn from some threads until it ends; notes the answers by their kind."""

    def __init__(self, url: str, uploads: list[bytes], clients: int = 8):
        self.url, self.uploads, self.clients = url, uploads, clients
        self.ids: list[int] = []  # of what was answered with a digit
        self.others = Counter()  # refusals by their code, and broken connections
        self.longest_s = 0.0
        self.over = threading.Event()

    def __enter__(self):
        self.pool = ThreadPoolExecutor(self.clients)
        self.threads = [self.pool.submit(self.post, start) for start in range(self.clients)]
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.result()

    def post(self, turn: int) -> None:
        with Client(self.url) as client:
            while not self.over.is_set():
                started = time.monotonic()
                try:
                    upload = self.uploads[turn % len(self.uploads)]
                    self.ids.append(client.classify(upload, f"{turn}.png")["id"])
                except Refused as refusal:
                    self.others[refusal.problem["code"]] += 1
                except ServiceError:
                    self.others["broken connection"] += 1
                    time.sleep(0.05)
                turn += self.clients
                self.longest_s = max(self.longest_s, time.monotonic() - started)

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Wait for so many more answers."""
        enough, deadline = len(self.ids) + count, time.monotonic() + seconds
        while len(self.ids) < enough:
            assert time.monotonic() < deadline, self.others
            time.sleep(0.01)


def lost(server, ids: list[int]) -> list[str]:
    """What is missing: answered uploads without their row, rows without their whole file."""
    found = {
        pk: (path, digest)
        for pk, path, digest in server.execute(
            "select id, upload, sha256 from classifier_prediction where upload <> ''"
        )
    }
    missing = [f"row {pk}" for pk in set(ids) - found.keys()]
    media = Path(server.environment["MEDIA_ROOT"])
    for path, digest in found.values():
        file = media / path
        if not file.exists() or hashlib.sha256(file.read_bytes()).digest() != digest:
            missing.append(f"file {path}")
    return missing
