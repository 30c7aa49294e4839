"""A client of the service, for programs and the command line. It needs nothing but Python.

>>> with Client("http://127.0.0.1:8000", key="mnist_...") as digits:
...     answer = digits.classify(Path("seven.jpg"))
...     digits.correct(answer["id"], 1)
...     batch = digits.send_batch(Path("many.zip"))

$ python -m classifier.client 127.0.0.1 8000 seven.jpg
"""

import argparse
import json
import os
import select
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Literal, NotRequired, TypedDict
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_S = 30
KEY_VARIABLE = "MNIST_API_KEY"  # where a key may lie, so that no list of processes shows it
CLASSIFY = "/mnist/classify"
API = "/api/v1"


class Answer(TypedDict):
    """What the service says of a picture."""

    classification: str
    digit: int
    confidence: float
    probabilities: list[float]
    status: Literal["certain", "uncertain"]
    reason: str | None
    id: int
    model: str
    created_at: str
    explanation: NotRequired[dict]


class Record(Answer):
    """The same, and what else the history has of an upload."""

    label: int | None  # what a person said: 0 to 9, or 10 for not a digit
    original_name: str
    format: str
    bytes: int
    sha256: str | None
    request_id: str
    erased_at: str | None


class Correction(TypedDict):
    """What a person said of an upload; labels are 0 to 9, or 10 for not a digit."""

    id: int
    prediction: int
    reviewer: str
    from_label: int
    to_label: int | None
    note: str
    created_at: str


class Problem(TypedDict):
    """Why one of many pictures was not read."""

    code: str
    detail: str


class Outcome(TypedDict):
    """What came of one of many pictures: a prediction, or an error."""

    index: int
    name: str
    prediction: Record | None
    error: Problem | None


class Batch(TypedDict):
    """A ZIP and how far it is read: `done` were answered and `failed` refused, of `total`."""

    id: int
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    reason: str
    total: int
    done: int
    failed: int
    model: str | None
    started_by: str | None
    created_at: str
    finished_at: str | None


class Model(TypedDict):
    """A version; `gate` is its last comparison with the one that answered."""

    name: str
    state: Literal["candidate", "active", "retired"]
    network: str
    shipped: bool
    parent: str | None
    metrics: dict[str, float]
    gate: dict | None
    notes: str
    problem: str
    created_at: str
    keras_sha256: str
    tflite_sha256: str


class TrainingRun(TypedDict):
    """A training; `version` is the name of what came of it."""

    id: int
    name: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    reason: str
    start: str | None
    version: str | None
    plan: dict
    progress: dict
    log: str
    started_by: str | None
    created_at: str
    started_at: str | None
    heard_at: str | None
    finished_at: str | None


class ServiceError(RuntimeError):
    """There is no answer. `code` is stable."""

    code = "no_answer"


class Unreachable(ServiceError):
    """The service could not be reached, or what answered is not the service."""

    code = "unreachable"


class Refused(ServiceError):
    """The service said no: an HTTP status, a stable code, a sentence, and the whole problem."""

    def __init__(self, problem: dict, retry_after_s: int | None = None):
        self.problem, self.retry_after_s = problem, retry_after_s
        self.status, self.code, self.detail = (problem[key] for key in ("status", "code", "detail"))
        self.request_id = problem.get("request_id", "")
        super().__init__(f"{self.code}: {self.detail}")


class Denied(Refused):
    """The key is missing, no good, or may not do this (401, 403)."""


class TryLater(Refused):
    """Too much at once, or not ready (429, 503): again in `retry_after_s` seconds."""


KINDS = {401: Denied, 403: Denied, 429: TryLater, 503: TryLater}


class Client:
    """A connection to a running service, kept open between requests; not for two threads at once.

    `url` is the site's address, with or without the path of `/mnist/classify` and its query.
    When told to try later it does, for `patience_s` seconds in all of a request.
    """

    def __init__(
        self, url: str, key: str = "", *, timeout_s: float = TIMEOUT_S, patience_s: float = 0
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"Expected an address like http://127.0.0.1:8000, received {url!r}.")
        if not (key.isascii() and key.isprintable()):
            raise ValueError("Expected a key of ASCII characters on one line.")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._site = parts.path.rstrip("/").removesuffix(CLASSIFY)
        self._query = parts.query
        self._url = url
        self._headers = {"Accept": "application/json"}
        self._headers |= {"Authorization": f"Bearer {key}"} if key else {}
        self._patience_s = patience_s

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def classify(
        self,
        picture: bytes | Path,
        name: str = "image",
        *,
        model: str = "",
        explain: bool = False,
    ) -> Answer:
        """Post one picture. Raises ServiceError, and OSError when its file cannot be read."""
        if isinstance(picture, Path):
            picture, name = picture.read_bytes(), picture.name
        asked = ({"model": model} if model else {}) | ({"explain": "1"} if explain else {})
        query = "&".join(filter(None, [self._query, urlencode(asked)]))
        body, content_type = multipart(picture, name)
        address = f"{CLASSIFY}?{query}" if query else CLASSIFY
        return self._ask("POST", address, body, content_type, expected="digit")

    def classify_many(self, pictures: Sequence[Path], *, model: str = "") -> list[Outcome]:
        """Post up to 100 pictures at once; what came of each, in their order."""
        body, content_type = multipart_of([(each.name, each.read_bytes()) for each in pictures])
        address = located("predictions/batch", model=model)
        return self._ask("POST", address, body, content_type, expected="results")["results"]

    def prediction(self, id: int) -> Record:
        """One upload of the history."""
        return self._ask("GET", f"{API}/predictions/{id}", expected="digit")

    def predictions(self, **filters: object) -> Iterator[Record]:
        """The history, newest first; filters as the API has them: `digit=7, review="waiting"`."""
        return self._pages("predictions", filters)

    def correct(self, prediction: int, label: int, note: str = "") -> Correction:
        """Say what an upload shows: 0 to 9, or 10 for not a digit."""
        wanted = {"prediction": prediction, "label": label, "note": note}
        return self._post("corrections", wanted, expected="to_label")

    def corrections(self, **filters: object) -> Iterator[Correction]:
        """What people said, newest first; `prediction=12` for one upload."""
        return self._pages("corrections", filters)

    def send_batch(self, archive: bytes | Path, *, model: str = "") -> Batch:
        """Hand over a ZIP of pictures, to be read in the background."""
        body = archive.read_bytes() if isinstance(archive, Path) else archive
        address = located("batches", model=model)
        return self._ask("POST", address, body, "application/zip", expected="total")

    def batch(self, id: int) -> Batch:
        """A batch with its progress."""
        return self._ask("GET", f"{API}/batches/{id}", expected="total")

    def batches(self) -> Iterator[Batch]:
        return self._pages("batches", {})

    def outcomes(self, id: int) -> Iterator[Outcome]:
        """What came of each picture of a batch that is read by now."""
        lines = self._fetch("GET", f"{API}/batches/{id}/result").splitlines()
        return map(json.loads, lines)

    def cancel_batch(self, id: int) -> Batch:
        """End a batch for good; what was read stays in the history."""
        return self._post(f"batches/{id}/cancel", {}, expected="total")

    def resume_batch(self, id: int) -> Batch:
        """Go on with a batch that failed."""
        return self._post(f"batches/{id}/resume", {}, expected="total")

    def models(self) -> Iterator[Model]:
        """The versions, newest first."""
        return self._pages("models", {})

    def model(self, name: str) -> Model:
        return self._ask("GET", f"{API}/models/{quote(name, safe='')}", expected="network")

    def train(self, name: str = "", *, corrections: bool = True, **options: object) -> TrainingRun:
        """Start a training; options as the API has them: `start=, epochs=, weight=, notes=`."""
        wanted = {"corrections": corrections, **options} | ({"name": name} if name else {})
        return self._post("training-runs", wanted, expected="plan")

    def training_run(self, id: int) -> TrainingRun:
        """A training with its progress."""
        return self._ask("GET", f"{API}/training-runs/{id}", expected="plan")

    def training_runs(self) -> Iterator[TrainingRun]:
        return self._pages("training-runs", {})

    def cancel_training(self, id: int) -> TrainingRun:
        """End a training; it can be resumed."""
        return self._post(f"training-runs/{id}/cancel", {}, expected="plan")

    def resume_training(self, id: int) -> TrainingRun:
        """Go on with a training that failed or was cancelled."""
        return self._post(f"training-runs/{id}/resume", {}, expected="plan")

    def _post(self, name: str, wanted: dict, *, expected: str) -> dict:
        body = json.dumps(wanted).encode()
        return self._ask("POST", f"{API}/{name}", body, "application/json", expected=expected)

    def _pages(self, name: str, filters: dict) -> Iterator:
        address = located(name, **filters)
        while address:
            page = self._ask("GET", address, expected="results")
            yield from page["results"]
            following = urlsplit(page["next"] or "")  # its host is what a proxy called the site
            address = f"{API}/{name}?{following.query}" if following.query else ""

    def _ask(self, method, address, body=None, content_type="", *, expected: str) -> dict:
        """The answer as JSON, with the member that tells it from another site's."""
        told = parsed(self._fetch(method, address, body, content_type))
        if expected not in told:
            raise Unreachable(f"{self._url} answered, but is not the service.")
        return told

    def _fetch(self, method, address, body=None, content_type="") -> bytes:
        """What is answered; a refusal is raised, or waited out."""
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        waited_s = 0
        while True:
            status, content, retry_after_s = self._send(method, self._site + address, body, headers)
            if status < 300:
                return content
            told = parsed(content)
            if not {"status", "code", "detail"} <= told.keys():
                raise Unreachable(f"{self._url} answered {status}, but is not the service.")
            refusal = KINDS.get(status, Refused)(told, retry_after_s)
            waited_s += retry_after_s or self._patience_s + 1
            if not isinstance(refusal, TryLater) or waited_s > self._patience_s:
                raise refusal
            time.sleep(retry_after_s)

    def _send(self, method, address, body, headers) -> tuple[int, bytes, int | None]:
        """One request: the status, what was told, and after how many seconds to come back."""
        self._drop_if_closed()
        try:
            self._connection.request(method, address, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            self.close()
            raise Unreachable(f"{self._url} did not answer: {error!r}") from error
        if 300 <= response.status < 400:
            raise Unreachable(f"{self._url} has moved to {response.headers.get('Location')}.")
        later = response.headers.get("Retry-After", "")
        return response.status, content, int(later) if later.isdecimal() else None

    def _drop_if_closed(self) -> None:
        """A server may have closed a connection that lay idle: then the next one is new.

        Asked before a request, not after it failed: a picture that was sent twice is kept twice.
        """
        sock = self._connection.sock
        if sock and select.select([sock], [], [], 0)[0]:
            self.close()


def parsed(content: bytes) -> dict:
    """An object of JSON; an empty one if it is something else."""
    try:
        told = json.loads(content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def located(name: str, **query: object) -> str:
    """An address of the API, with what of the query is not empty."""
    asked = urlencode({key: value for key, value in query.items() if value != ""})
    return f"{API}/{name}?{asked}" if asked else f"{API}/{name}"


def multipart(upload: bytes, name: str) -> tuple[bytes, str]:
    """A multipart/form-data body with one file in the field `image`, and its content type."""
    return multipart_of([(name, upload)])


def multipart_of(files: Sequence[tuple[str, bytes]]) -> tuple[bytes, str]:
    """The same with several files, each a name and what it holds."""
    boundary, body = uuid.uuid4().hex, b""
    for name, content in files:
        safe = name.translate({34: "'", 13: " ", 10: " "})
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{safe}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body += head.encode(errors="replace") + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def key_of_environment() -> str:
    return os.environ.get(KEY_VARIABLE, "").strip()


def main(arguments: list[str] | None = None) -> int:
    """Classify pictures; returns 0, or 1 when one of them got no answer."""
    parser = argparse.ArgumentParser("python -m classifier.client", description="Read digits.")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("image", nargs="+", type=Path)
    parser.add_argument("--https", action="store_true")
    parser.add_argument("--model", default="", help="the version that is to answer")
    parser.add_argument("--json", action="store_true", help="print whole answers, one a line")
    parser.epilog = f"A key, if the service wants one, is read from {KEY_VARIABLE}."
    options = parser.parse_args(arguments)
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http{'s' * options.https}://{host}:{options.port}"
    try:
        client = Client(url, key_of_environment())
    except ValueError as error:
        parser.error(str(error))
    failed = 0
    with client as service:
        for path in options.image:
            try:
                answer = service.classify(path, model=options.model)
            except (OSError, ServiceError) as error:
                failed += 1
                print(f"{path}: {error}", file=sys.stderr)
            else:
                short = f"{path}: {answer['digit']}, {answer['confidence']:.2%}, {answer['status']}"
                print(json.dumps(answer) if options.json else short)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
