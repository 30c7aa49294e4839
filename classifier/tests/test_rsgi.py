"""What the server refuses before Django: bodies that are slow, cut short, or too many."""

import asyncio
import importlib
import json
import sys
import threading
from types import SimpleNamespace

import pytest
from granian.rsgi import ProtocolClosed

PAGE = "/api/v1/predictions"  # what a thread answers, while uploads have the loop's own


@pytest.fixture
def django():
    """In Django's place: answers when it may, and counts how often it was asked."""
    may_answer = threading.Event()
    may_answer.set()
    asked = []

    def application(environ, start_response):
        asked.append(environ["PATH_INFO"])
        assert may_answer.wait(10)
        start_response("200 OK", [("content-type", "text/plain")])
        return Body([environ["wsgi.input"].read()])

    application.may_answer, application.asked = may_answer, asked
    return application


class Body(list):
    def close(self):
        pass


@pytest.fixture
def rsgi(django, monkeypatch):
    """The server's module anew, with the other Django."""
    monkeypatch.setitem(sys.modules, "mnistsite.wsgi", SimpleNamespace(application=django))
    monkeypatch.delitem(sys.modules, "mnistsite.rsgi", raising=False)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "")  # which it sets, and nobody else may keep
    yield importlib.import_module("mnistsite.rsgi")
    sys.modules.pop("mnistsite.rsgi", None)


class Protocol:
    """A client whose body comes in these chunks, then as slowly as it likes."""

    def __init__(self, *chunks, then_s=0.0, once_told=lambda: None, gone=False):
        self.chunks, self.then_s, self.once_told = chunks, then_s, once_told
        self.gone = gone
        self.status = self.content = None

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk
        await asyncio.sleep(self.then_s)

    def response_str(self, status, headers, content):
        self.status, self.headers, self.content = status, dict(headers), content
        self.once_told()

    response_bytes = response_str

    async def __call__(self):
        if self.gone:
            raise ProtocolClosed
        return b"".join(self.chunks)

    @property
    def told(self):
        return json.loads(self.content)


def scope(path="/mnist/classify", **headers):
    return SimpleNamespace(
        path=path,
        method="POST",
        headers=headers,
        http_version="1.1",
        scheme="http",
        query_string="",
        server="127.0.0.1:8000",
        authority=None,
        client="127.0.0.1:5000",
    )


def ask(rsgi, *protocols, path="/mnist/classify", **headers):
    """Let the server answer them all at once; the first of them."""

    async def all_at_once():
        asked = scope(path, **headers)
        await asyncio.gather(*(rsgi.application(asked, each) for each in protocols))

    asyncio.run(all_at_once())
    return protocols[0]


def test_a_body_that_came_in_full_is_django_s(rsgi, django):
    answered = ask(rsgi, Protocol(b"seven", b" eight"))
    assert (answered.status, answered.content) == (200, b"seven eight")
    assert rsgi._held == rsgi._waiting == 0


def test_a_body_that_does_not_arrive_in_time_is_refused_and_let_go(rsgi, django, settings):
    settings.MNIST_BODY_TIMEOUT_S = 0.05
    late = ask(rsgi, Protocol(b"sev", then_s=10), **{"x-request-id": "mine"})
    assert (late.status, late.told["code"], late.told["request_id"]) == (408, "too_slow", "mine")
    assert late.headers["x-request-id"] == "mine"
    assert (django.asked, rsgi._held) == ([], 0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/mnist/classify", "application/json"), ("/api/v1/batches", "application/problem+json")],
)
def test_a_slow_body_is_refused_in_the_words_of_its_address(rsgi, settings, path, kind):
    settings.MNIST_BODY_TIMEOUT_S = 0.01
    late = ask(rsgi, Protocol(then_s=10), path=path)
    assert (late.status, late.headers["content-type"]) == (408, kind)


def test_beyond_what_may_wait_a_request_is_refused_at_once(rsgi, django, settings):
    settings.MNIST_MAX_WAITING = 2
    django.may_answer.clear()
    clients = [Protocol(b"seven", once_told=django.may_answer.set) for _ in range(3)]
    ask(rsgi, *clients, path=PAGE)  # the first to be told anything is the one that is refused
    assert [each.status for each in clients] == [200, 200, 503]
    refused = clients[2]
    assert (refused.told["code"], refused.headers["retry-after"]) == ("overloaded", "5")
    assert (len(django.asked), rsgi._waiting) == (2, 0)
    assert ask(rsgi, Protocol(b"seven"), path=PAGE).status == 200


@pytest.mark.parametrize("gone", [False, True])
def test_small_requests_are_turned_away_and_the_log_told_once(rsgi, django, settings, caplog, gone):
    settings.MNIST_MAX_WAITING = 0
    refused = [Protocol(b"seven", gone=gone) for _ in range(50)]
    ask(rsgi, *refused, **{"content-length": "5", "x-request-id": "mine"})
    assert {each.status for each in refused} == {503}
    assert (refused[9].told["code"], refused[9].told["request_id"]) == ("overloaded", "mine")
    assert refused[9].headers["retry-after"] == "5"
    assert [record.getMessage()[:11] for record in caplog.records] == ["Overloaded:"]
    assert (django.asked, rsgi._turned_away) == ([], 0)


def test_uploads_wait_their_turn_and_those_beyond_are_refused_before_it_comes(rsgi, settings):
    settings.MNIST_MAX_WAITING = 2
    told = []
    clients = [Protocol(b"seven", once_told=lambda turn=turn: told.append(turn)) for turn in "abc"]
    ask(rsgi, *clients)
    assert [each.status for each in clients] == [200, 200, 503]
    assert "".join(told) == "cab"
    assert rsgi._waiting == 0


def test_bodies_beyond_what_memory_may_hold_are_refused(rsgi, django, settings):
    settings.MNIST_MAX_HELD_BYTES = 1000
    clients = [Protocol(bytes(600), then_s=0.1) for _ in range(2)]
    ask(rsgi, *clients)
    assert [each.status for each in clients] == [200, 503]
    assert "Too many uploads are arriving" in clients[1].told["detail"]
    assert (len(django.asked), rsgi._held) == (1, 0)


def test_a_body_over_the_limit_is_not_held_and_django_hears_its_length(rsgi, django, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    answered = ask(rsgi, Protocol(bytes(900), bytes(900), bytes(900)))
    assert (answered.status, answered.content) == (200, b"")
    assert rsgi._held == 0
