"""What the server refuses before Django: bodies that are slow, cut short, or too many."""

import asyncio
import importlib
import itertools
import json
import time

import pytest

from mnistsite import rounds
from mnistsite.rounds import ROUND_S

from .loop import Django, Stream, loaded_anew

PAGE = "/api/v1/predictions"  # what a thread answers, while uploads have the loop's own


@pytest.fixture
def django():
    return Django()


@pytest.fixture
def asgi(django, monkeypatch):
    with loaded_anew(django, monkeypatch):
        yield importlib.import_module("mnistsite.asgi")


class Client:
    """A client whose body comes in these chunks, then as slowly as it likes."""

    def __init__(self, *chunks, then_s=0.0, once_told=lambda: None, gone=False):
        self.chunks, self.then_s, self.once_told = list(chunks), then_s, once_told
        self.gone = gone
        self.status, self.content = None, b""

    async def receive(self):
        if self.chunks:
            return {"type": "http.request", "body": self.chunks.pop(0), "more_body": True}
        await asyncio.sleep(self.then_s)
        if self.gone:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message):
        if message["type"] == "http.response.start":
            headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            self.status, self.headers = message["status"], dict(headers)
        else:
            self.content += message["body"]
            self.once_told()

    @property
    def told(self):
        return json.loads(self.content)


def scope(path="/mnist/classify", **headers):
    return {
        "path": path,
        "raw_path": path.encode(),
        "method": "POST",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "http_version": "1.1",
        "scheme": "http",
        "query_string": b"",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5000),
    }


def ask(asgi, *clients, path="/mnist/classify", **headers):
    """Let the server answer them all at once; the first of them."""

    async def all_at_once():
        asked = scope(path, **headers)
        await asyncio.gather(
            *(asgi.application(asked, each.receive, each.send) for each in clients)
        )

    asyncio.run(all_at_once())
    return clients[0]


def test_a_body_that_came_in_full_is_django_s(asgi, django):
    answered = ask(asgi, Client(b"seven", b" eight"))
    assert (answered.status, answered.content) == (200, b"seven eight")
    assert asgi._held == asgi._waiting == 0


def test_a_body_that_does_not_arrive_in_time_is_refused_and_let_go(asgi, django, settings):
    settings.MNIST_BODY_TIMEOUT_S = 0.05
    late = ask(asgi, Client(b"sev", then_s=10), **{"x-request-id": "mine"})
    assert (late.status, late.told["code"], late.told["request_id"]) == (408, "too_slow", "mine")
    assert late.headers["x-request-id"] == "mine"
    assert (django.asked, asgi._held) == ([], 0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/mnist/classify", "application/json"), ("/api/v1/batches", "application/problem+json")],
)
def test_a_slow_body_is_refused_in_the_words_of_its_address(asgi, settings, path, kind):
    settings.MNIST_BODY_TIMEOUT_S = 0.01
    late = ask(asgi, Client(then_s=10), path=path)
    assert (late.status, late.headers["content-type"]) == (408, kind)


def test_beyond_what_may_wait_a_request_is_refused_at_once(asgi, django, settings):
    settings.MNIST_MAX_WAITING = 2
    django.may_answer.clear()
    clients = [Client(b"seven", once_told=django.may_answer.set) for _ in range(3)]
    ask(asgi, *clients, path=PAGE)  # the first to be told anything is the one that is refused
    assert [each.status for each in clients] == [200, 200, 503]
    refused = clients[2]
    assert (refused.told["code"], refused.headers["retry-after"]) == ("overloaded", "5")
    assert (len(django.asked), asgi._waiting) == (2, 0)
    assert ask(asgi, Client(b"seven"), path=PAGE).status == 200


@pytest.mark.parametrize("gone", [False, True])
def test_a_body_that_is_cut_short_is_refused(asgi, django, gone):
    cut = ask(asgi, Client(b"sev", gone=gone), **{"content-length": "5"})
    assert (cut.status, cut.told["code"], django.asked) == (404, "cut_short", [])


def test_a_chunked_body_whose_client_goes_away_is_not_taken_for_a_whole_one(asgi, django):
    cut = ask(asgi, Client(b"seven", gone=True))
    assert (cut.told["code"], django.asked) == ("cut_short", [])


def test_refusals_of_too_many_are_logged_once(asgi, django, settings, caplog):
    settings.MNIST_MAX_WAITING = 0
    refused = [Client(b"seven") for _ in range(50)]
    ask(asgi, *refused, **{"x-request-id": "mine"})
    assert {each.status for each in refused} == {503}
    assert (refused[9].told["code"], refused[9].told["request_id"]) == ("overloaded", "mine")
    assert refused[9].headers["retry-after"] == "5"
    assert [record.getMessage()[:11] for record in caplog.records] == ["Overloaded:"]
    assert django.asked == []


def test_uploads_wait_their_turn_and_those_beyond_are_refused_before_it_comes(
    asgi, django, settings
):
    settings.MNIST_MAX_WAITING = 2
    django.takes_s = ROUND_S
    told = []
    clients = [Client(b"seven", once_told=lambda turn=turn: told.append(turn)) for turn in "abcd"]
    ask(asgi, *clients)
    assert [each.status for each in clients] == [200, 200, 200, 503]
    assert "".join(told) == "adbc"
    assert asgi._waiting == 0


def test_an_upload_that_fails_in_its_turn_leaves_the_others_theirs(asgi, django):
    django.takes_s = ROUND_S
    clients = [Client(body) for body in (b"one", b"bad", b"two")]

    async def all_at_once():
        requests = [asgi.application(scope(), each.receive, each.send) for each in clients]
        return await asyncio.gather(*requests, return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert [type(each) for each in outcomes] == [type(None), ZeroDivisionError, type(None)]
    assert [each.content for each in clients] == [b"one", b"", b"two"]
    assert asgi._waiting == 0


@pytest.mark.parametrize(("hurried", "steps"), [(False, [3]), (True, [1, 2])])
def test_a_round_is_short_while_others_wait_to_be_let_in(monkeypatch, hurried, steps):
    monkeypatch.setattr(rounds, "ROUND_S", 0.05)
    done, seen = [], [1]

    def work(upload):
        done.append(upload)
        if upload == "first":
            time.sleep(rounds.ROUND_S)  # the others have to wait for the next rounds

    async def go_round():
        waiting = asyncio.gather(*[rounds.in_turn(work, each) for each in ("first", *"abc")])
        if hurried:
            rounds.hurry()
        while not waiting.done():
            await asyncio.sleep(0)
            if len(done) > seen[-1]:
                seen.append(len(done))
        await waiting

    asyncio.run(go_round())
    assert [after - before for before, after in itertools.pairwise(seen)] == steps


def test_bodies_beyond_what_memory_may_hold_are_refused(asgi, django, settings):
    settings.MNIST_MAX_HELD_BYTES = 1000
    clients = [Client(bytes(600), then_s=0.1) for _ in range(2)]
    ask(asgi, *clients)
    assert [each.status for each in clients] == [200, 503]
    assert "Too many uploads are arriving" in clients[1].told["detail"]
    assert (len(django.asked), asgi._held) == (1, 0)


def test_a_body_over_the_limit_is_not_held_and_django_hears_its_length(asgi, django, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    answered = ask(asgi, Client(bytes(900), bytes(900), bytes(900)))
    assert (answered.status, answered.content) == (200, b"")
    assert asgi._held == 0


# Answers that are made piece by piece


class Reader(Client):
    """A client that sent all it has, and goes away when it has been told so many pieces."""

    def __init__(self, patience=1000, done=False):
        super().__init__(b"x")
        self.patience, self.done, self.left = patience, done, asyncio.Event()

    async def receive(self):
        if self.chunks:
            return {"type": "http.request", "body": self.chunks.pop(), "more_body": False}
        if self.done:  # it says that it has nothing more to send
            self.done = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await super().send(message)
        self.patience -= 1
        if self.patience == 0:
            self.left.set()


@pytest.mark.parametrize("done", [False, True])
def test_a_stream_is_told_to_its_end(asgi, django, done):
    django.stream = Stream([b"a", b"b", b"c"])
    reader = ask(asgi, Reader(done=done), path=PAGE)
    assert (reader.content, django.stream.closed) == (b"abc", True)


def test_a_stream_ends_when_its_client_goes_away(asgi, django):
    django.stream = Stream(b"%d" % number for number in range(1_000_000))
    ask(asgi, Reader(patience=10), path=PAGE)
    assert django.stream.told < 1000
    assert django.stream.closed


# The request as WSGI has it


@pytest.fixture
def environ(asgi):
    def made(length=0, **changes):
        return asgi.bridge.environ(scope() | changes, b"", length)

    return made


def test_an_address_is_passed_on_as_it_was_sent(environ):
    made = environ(raw_path="/a%20b/é".encode(), query_string=b"q=%C3%A9")
    assert made["PATH_INFO"].encode("latin-1").decode() == "/a b/é"
    assert made["QUERY_STRING"] == "q=%C3%A9"


def test_headers_have_the_names_that_wsgi_gives_them(environ):
    made = environ(
        5, headers=[(b"x-a", b"1"), (b"x-a", b"2"), (b"content-type", b"a/b"), (b"host", b"c")]
    )
    assert (made["HTTP_X_A"], made["CONTENT_TYPE"], made["HTTP_HOST"]) == ("1,2", "a/b", "c")
    assert made["CONTENT_LENGTH"] == "5"
    assert "HTTP_CONTENT_TYPE" not in made


def test_a_header_with_an_underscore_does_not_pass_for_another(environ):
    made = environ(headers=[(b"x_forwarded_for", b"192.0.2.1")])
    assert "HTTP_X_FORWARDED_FOR" not in made


def test_a_client_without_an_address_has_an_empty_one(environ):
    assert environ(client=None)["REMOTE_ADDR"] == ""


@pytest.mark.parametrize(
    ("content_type", "parsed", "parameters"),
    [
        ("multipart/form-data; boundary=b", "multipart/form-data", {}),
        ("Text/Plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ("", "", {}),
    ],
)
def test_only_an_unusual_content_type_is_parsed(asgi, environ, content_type, parsed, parameters):
    headers = [(b"content-type", content_type.encode())]
    request = asgi.bridge.UploadRequest(environ(headers=headers))
    assert (request.content_type, request.content_params) == (parsed, parameters)
