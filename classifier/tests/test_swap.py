"""Promotions on the real server, with two workers, while it answers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from classifier.client import Client

from .server import Server

pytestmark = pytest.mark.slow
WITHIN_S = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("swap")) as running:
        running.add_version("newer", temperature=3.0)  # so that its answers can be told apart
        running.add_version("broken", temperature=9.0)
        yield running


def signature(answer: dict) -> tuple[str, float]:
    return answer["model"], answer["confidence"]


class Load:
    """Posts one picture from four threads; notes what was answered, and when."""

    def __init__(self, server: Server, upload: bytes):
        self.server, self.upload, self.answers = server, upload, []
        self.over = threading.Event()

    def __enter__(self):
        self.pool = ThreadPoolExecutor(4)
        self.threads = [self.pool.submit(self.post) for _ in range(4)]
        return self

    def post(self):
        while not self.over.is_set():
            answer = Client(self.server.url).classify(self.upload, "7.png")
            self.answers.append((time.monotonic(), signature(answer)))

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.result()  # raises what a request raised: there is no failed answer


def test_under_load_each_worker_answers_with_the_promoted_version_within_five_seconds(
    server, sample
):
    seven = sample("7_paint.png")
    whole = {
        signature(server.answer(seven)),
        signature(server.answer(seven, "/mnist/classify?model=newer")),
    }
    with Load(server, seven) as load:
        time.sleep(1)
        server.manage("activate_model", "newer")
        promoted = time.monotonic()
        time.sleep(WITHIN_S + 1)
    seen = {what for _, what in load.answers}
    late = [what for at, what in load.answers if at > promoted + WITHIN_S]
    assert seen == whole  # none is mixed of two versions
    assert late
    assert {model for model, _ in late} == {"newer"}


def test_a_worker_that_had_nothing_to_do_answers_with_the_promoted_version(server, sample):
    shipped = server.manage("list_models").splitlines()[-1].split()[1]
    server.manage("activate_model", shipped)
    time.sleep(WITHIN_S)
    server.manage("activate_model", "newer")
    time.sleep(WITHIN_S)
    answers = [server.answer(sample("7_paint.png")) for _ in range(8)]
    assert {answer["model"] for answer in answers} == {"newer"}


@pytest.mark.parametrize("damage", ["corrupt", "missing"])
def test_a_damaged_version_leaves_the_older_one_answering(server, sample, damage):
    path = server.folder / "media" / "models" / "broken.tflite"
    path.write_bytes(b"damaged") if damage == "corrupt" else path.unlink()
    before = server.answer(sample("7_paint.png"))["model"]
    activate = "from classifier import registry; registry.activate(registry.find('broken'))"
    with Load(server, sample("7_paint.png")) as load:
        server.manage("shell", "--command", activate)
        time.sleep(WITHIN_S)
    assert {model for _, (model, _) in load.answers} == {before}
    assert "PROBLEM" in server.manage("list_models")
    server.manage("activate_model", before)
