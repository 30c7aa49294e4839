"""Uploads at a steady rate, good and bad ones, and a note of what each was answered."""

import itertools
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import requests

from classifier.client import multipart
from classifier.tests.server import Server
from classifier.tests.test_uploads import REFUSED
from classifier.tests.wire import form, part, request, send

CLIENTS = 16
SHARES = {"upload": 65, "upload by the API": 15, "bad upload": 15, "client gone": 5}
DIGITS = Path(__file__).parents[1] / "fixtures" / "digits"


class Traffic:
    """Sends until it ends. Each upload has its moment, also when those before it are late."""

    def __init__(self, server: Server, key: str, rate: float):
        self.server, self.key, self.rate = server, key, rate
        self.pictures = [(path.name, path.read_bytes()) for path in sorted(DIGITS.iterdir())]
        self.bodies = [multipart(content, name) for name, content in self.pictures]
        self.bad = [(make(), code) for make, code in REFUSED.values()]
        self.turns = itertools.count()
        self.answered: dict[int, int] = {}  # what each upload shows, by its id in the history
        self.outcomes = Counter()  # by what was sent, and what came of it
        self.seconds = defaultdict(list)  # from each upload's moment to its answer
        self.taken: list[tuple[int, float]] = []  # the same in one list, with the turns
        self.models, self.misread = Counter(), Counter()  # by the version that answered
        self.over = threading.Event()

    def __enter__(self):
        self.started = time.monotonic()
        self.threads = [threading.Thread(target=self.work) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def work(self) -> None:
        send_as = {
            "upload": self.upload,
            "upload by the API": self.upload_by_api,
            "bad upload": self.send_bad,
            "client gone": self.go_away,
        }
        with requests.Session() as session:
            while not self.over.is_set():
                turn = next(self.turns)
                moment = self.started + turn / self.rate
                self.over.wait(max(0.0, moment - time.monotonic()))
                (kind,) = random.Random(turn).choices([*SHARES], SHARES.values())
                try:
                    outcome = send_as[kind](session, turn)
                except (OSError, requests.RequestException) as error:
                    outcome = f"broken connection: {type(error).__name__}"
                taken = time.monotonic() - moment
                self.seconds[kind].append(taken)
                self.taken.append((turn, taken))
                self.outcomes[kind, outcome] += 1

    def upload(self, session, turn: int) -> str:
        body, content_type = self.bodies[turn % len(self.bodies)]
        return self.note(
            turn,
            session.post(
                f"{self.server.url}/mnist/classify",
                body,
                headers={"Content-Type": content_type},
                timeout=60,
            ),
        )

    def upload_by_api(self, session, turn: int) -> str:
        name, content = self.pictures[turn % len(self.pictures)]
        kind = {"jpg": "jpeg"}.get(name[-3:], name.rpartition(".")[2])
        return self.note(
            turn,
            session.post(
                f"{self.server.url}/api/v1/predictions",
                content,
                headers={"Content-Type": f"image/{kind}", "Authorization": f"Bearer {self.key}"},
                timeout=60,
            ),
        )

    def note(self, turn: int, response) -> str:
        """What an upload was answered, and by which version; the ids are what must be there."""
        told = response.json()
        if not response.ok:
            return f"{response.status_code} {told['code']}"
        shown = int(self.pictures[turn % len(self.pictures)][0][0])
        self.answered[told["id"]] = shown
        self.models[told["model"]] += 1
        self.misread[told["model"]] += told["digit"] != shown
        return str(response.status_code)

    def send_bad(self, session, turn: int) -> str:
        content, code = self.bad[turn % len(self.bad)]
        answer = send(self.server.port, content, end=code == "cut_short")
        as_expected = (answer.status, answer.body["code"]) == (404, code)
        return "404 and the right code" if as_expected else f"{answer.status} {answer.body['code']}"

    def go_away(self, session, turn: int) -> str:
        """Send a part of an upload, and hang up."""
        whole = request(form(part(self.pictures[turn % len(self.pictures)][1])))
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as connection:
            connection.sendall(whole[: random.Random(turn).randrange(20, len(whole) - 4)])
        return "hung up"
