"""What people and timers do on a server while uploads come in, as the soak plays it."""

import contextlib
import threading
import time
from collections import Counter
from pathlib import Path

import requests

from benchmarks.traffic import DIGITS, Traffic
from classifier.client import Client, Refused, ServiceError
from classifier.tests.archives import packed
from classifier.tests.server import Server, proportional_megabytes

QUEUE, RUNS = "/admin/classifier/prediction/review", "/api/v1/training-runs"
ERASED = 50  # of so many uploads by the API one is erased
SAMPLES = 60  # of memory
COPIES = 10  # of the sample pictures, in the ZIP that is read in the background
GONE = "reviews of what had just been purged or erased, refused"


class Story:
    """What people and timers do while uploads come in. Notes what was done, and what failed."""

    def __init__(self, server: Server, traffic: Traffic, minutes: float, training: bool):
        self.server, self.traffic, self.training = server, traffic, training
        self.seconds = minutes * 60
        self.staff = server.sign_in("boss")
        self.reviews: dict[int, int] = {}  # corrections, and the uploads that they are about
        self.erased, self.purged = set(), set()
        self.told: list[str] = []
        self.failures: list[str] = []
        self.people = Counter()
        self.megabytes: list[tuple[float, float]] = []  # of the server's processes, and of all
        self.over = threading.Event()

    def run(self) -> None:
        """Let everything happen at its time; returns when the last is done and time is up."""
        helpers = [self.review_by_api, self.review_in_queue, self.erase, self.weigh]
        threads = [threading.Thread(target=each) for each in helpers]
        for thread in threads:
            thread.start()
        steps = [
            (0.10, self.export),
            (0.15, self.train),
            (0.50, self.promote),
            (0.60, self.read_batch),
            (0.70, self.purge),
            (0.85, self.back_up),
        ]
        for share, step in steps:
            self.wait_until(share)
            started = time.monotonic()
            try:
                done = step()
            except Exception as error:  # the rest happens all the same, and the audit tells
                self.failures.append(f"{step.__name__}: {error!r}")
            else:
                took = time.monotonic() - started
                self.told.append(f"{done} ({took:.0f} s, after {share:.0%} of the time)")
        self.wait_until(1)
        self.over.set()
        for thread in threads:
            thread.join()

    def wait_until(self, share: float) -> None:
        time.sleep(max(0, self.traffic.started + share * self.seconds - time.monotonic()))

    def post(self, path: str, expected: int = 200, **content) -> dict:
        response = self.staff.post(self.server.url + path, json=content, timeout=60)
        if response.status_code != expected:
            raise RuntimeError(f"{path}: {response.status_code} {response.text[:200]}")
        return response.json()

    # People

    def each_second(self, act) -> None:
        while not self.over.wait(1):
            try:
                act()
            except (ServiceError, OSError, RuntimeError, requests.RequestException) as error:
                self.failures.append(f"{act.__name__}: {error}")

    def latest(self) -> list[int]:
        return list(self.traffic.answered)[-500:]

    def review_by_api(self) -> None:
        with Client(self.server.url, self.traffic.key) as client:

            def correct():
                chosen = [each for each in self.latest() if each % ERASED]
                if not chosen:
                    return
                try:
                    said = client.correct(chosen[0], self.traffic.answered[chosen[0]])
                except Refused as refusal:
                    if refusal.code != "unknown_prediction":
                        raise
                    self.people[GONE] += 1
                    return
                self.reviews[said["id"]] = chosen[0]
                self.people["reviews by the API"] += 1

            self.each_second(correct)

    def review_in_queue(self) -> None:
        def answer():
            for each in self.post(f"{QUEUE}/next", count=2)["pictures"]:
                pk, label = each["id"], self.traffic.answered.get(each["id"], each["digit"])
                response = self.staff.post(
                    f"{self.server.url}{QUEUE}/answer", json={"picture": pk, "label": label}
                )
                if response.status_code == 409:
                    self.people[GONE] += 1
                    continue
                self.reviews[response.json()["correction"]] = pk
                self.people["reviews in the queue"] += 1

        self.each_second(answer)

    def erase(self) -> None:
        def erase_one():
            for pk in self.latest():
                if pk % ERASED == 0 and pk not in self.erased:
                    address = f"{self.server.url}/api/v1/predictions/{pk}"
                    self.staff.delete(address, timeout=60).raise_for_status()
                    self.erased.add(pk)
                    self.people["erasures"] += 1

        self.each_second(erase_one)

    # Timers

    def export(self) -> str:
        before = len(self.traffic.answered)
        file = self.server.folder / "history.csv"
        self.server.manage("export_history", str(file))
        with open(file) as lines:
            count = sum(1 for _ in lines) - 1
        if count < before - len(self.erased):
            raise RuntimeError(f"{count} rows of {before}")
        return f"The history exported as CSV: {count:,} uploads"

    def train(self) -> str:
        if not self.training:
            self.server.add_version("soaked", temperature=1.5)
            return "The shipped network registered under another name"
        pk = self.post(RUNS, 201, name="soaked", epochs=1)["id"]
        while (run := self.staff.get(f"{self.server.url}{RUNS}/{pk}").json())["state"] in (
            *("waiting", "running"),
        ):
            time.sleep(1)
        if run["state"] != "done":
            raise RuntimeError(f"{run['state']}: {run['reason']}")
        return f"A version trained for an epoch, with the {len(self.reviews):,} reviews until then"

    def promote(self) -> str:
        reason = "the soak promotes whatever it has"
        self.post("/api/v1/models/soaked/activate", overrule=reason)
        return "It was promoted"

    def read_batch(self) -> str:
        files = {
            f"{turn}/{path.name}": path.read_bytes()
            for turn in range(COPIES)
            for path in sorted(DIGITS.iterdir())
        }
        response = self.staff.post(
            f"{self.server.url}/api/v1/batches",
            packed(files),
            headers={"Content-Type": "application/zip"},
            timeout=60,
        )
        response.raise_for_status()
        address = self.server.url + response.headers["Location"]
        while (batch := self.staff.get(address).json())["state"] in ("waiting", "running"):
            time.sleep(0.5)
        if (batch["state"], batch["done"]) != ("done", len(files)):
            raise RuntimeError(str(batch))
        return f"A ZIP of {len(files)} pictures read in the background"

    def purge(self) -> str:
        """Make the oldest quarter old, and purge it."""
        (newest,) = self.server.execute("select max(id) from classifier_prediction")[0]
        last = newest // 4
        self.purged = set(range(1, last + 1))
        self.server.execute(
            "update classifier_prediction set created_at = '2020-01-01 00:00:00'"
            f" where id <= {last}"
        )
        return f"The oldest quarter purged: {self.server.manage('purge_expired').splitlines()[0]}"

    def back_up(self) -> str:
        folder = str(self.server.folder / "backup")
        self.server.manage("backup", folder)
        return f"A backup: {self.server.manage('restore', '--dry-run', folder).strip()}"

    # Memory

    def weigh(self) -> None:
        while not self.over.wait(self.seconds / SAMPLES):
            with contextlib.suppress(OSError):  # a process that has just ended
                self.megabytes.append(memory(self.server))


def memory(server: Server) -> tuple[float, float]:
    """Proportional megabytes of the workers that serve, and of all processes of the server."""
    serving = sum(map(proportional_megabytes, served_by(server)))
    return serving, sum(map(proportional_megabytes, family(str(server.process.pid))))


def served_by(server: Server) -> list[str]:
    return [pid for pid in server.worker_pids() if "keep_running" not in command(pid)]


def family(pid: str) -> list[str]:
    """A process and all that it started."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [each for child in below for each in family(child)]


def command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
