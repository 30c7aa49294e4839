"""Connections: heads that are slow or endless, and refusals that cost little."""

import asyncio
import gc
import importlib
import itertools
import json
from contextlib import asynccontextmanager

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from .loop import Django, Stream, loaded_anew

PLAIN = b"POST /mnist/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
UPLOAD = b"POST /mnist/classify HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nContent-Length: 5\r\n"


@pytest.fixture
def django():
    return Django()


@pytest.fixture
def protocol(django, monkeypatch):
    with loaded_anew(django, monkeypatch):
        loaded = importlib.import_module("mnistsite.protocol")
        monkeypatch.setattr(loaded, "REST_S", (0.03, 0.03))
        yield loaded


@asynccontextmanager
async def connected(protocol, **options):
    """A connection to a server in this loop: its reader and its writer."""
    quiet = {"lifespan": "off", "log_config": None, "access_log": False}
    config = Config(protocol.asgi.application, **quiet, **options)
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol.Protocol(config, state, {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


async def response(reader):
    """Status, headers and body of one response."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status[9:12]), headers, await reader.readexactly(int(headers["content-length"]))


async def is_closed(reader) -> bool:
    return await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST /mnist/cl", UPLOAD])
def test_a_head_that_does_not_arrive_in_time_ends_its_connection(protocol, monkeypatch, sent):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.05)

    async def slowly():
        async with connected(protocol) as (reader, writer):
            writer.write(sent)
            assert await is_closed(reader)

    asyncio.run(slowly())


def test_a_head_of_the_next_request_has_to_arrive_in_time_too(protocol, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.05)

    async def slowly():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD + b"\r\nseven")
            assert (await response(reader))[0] == 200
            await asyncio.sleep(0.1)  # nobody has begun one
            writer.write(UPLOAD)
            assert await is_closed(reader)

    asyncio.run(slowly())


def test_a_body_may_take_longer_than_a_head(protocol, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.05)

    async def slowly():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD + b"\r\nse")
            await asyncio.sleep(0.1)
            writer.write(b"ven")
            assert (await response(reader))[::2] == (200, b"seven")

    asyncio.run(slowly())


def test_an_endless_head_is_refused(protocol):
    line = b"X-Long: " + b"x" * 1014 + b"\r\n"

    async def endlessly():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD)
            for _ in range(protocol.MAX_HEAD_BYTES // len(line)):
                writer.write(line)
                await asyncio.sleep(0)
            assert b" 431 " in await asyncio.wait_for(reader.readline(), 5)
            assert await is_closed(reader) is False  # what is left of the answer
            assert await is_closed(reader)

    asyncio.run(endlessly())


def test_an_upload_that_cannot_wait_is_refused_and_the_connection_goes_on(
    protocol, django, settings, caplog
):
    async def in_a_crowd():
        async with connected(protocol) as (reader, writer):
            settings.MNIST_MAX_WAITING = 0
            for _ in range(3):
                writer.write(UPLOAD + b"\r\n")
                status, headers, content = await response(reader)  # before its body was sent
                told = json.loads(content)
                assert (status, headers["retry-after"], headers["x-request-id"]) == (
                    503,
                    "5",
                    "mine",
                )
                assert (told["code"], told["request_id"], told["status"]) == (
                    *("overloaded", "mine"),
                    503,
                )
                writer.write(b"seven")
                await asyncio.sleep(0.01)
            assert django.asked == []
            settings.MNIST_MAX_WAITING = 1
            writer.write(UPLOAD + b"\r\neight")
            assert (await response(reader))[::2] == (200, b"eight")

    asyncio.run(in_a_crowd())
    assert [record.getMessage()[:11] for record in caplog.records] == ["Overloaded:"]


def test_who_was_refused_is_not_heard_for_a_while_and_others_are(
    protocol, django, settings, monkeypatch
):
    monkeypatch.setattr(protocol, "REST_S", (0.3, 0.3))

    async def in_a_crowd():
        async with connected(protocol) as (reader, writer), connected(protocol) as (other, asking):
            settings.MNIST_MAX_WAITING = 0
            writer.write(PLAIN + b"\r\nseven")
            assert (await response(reader))[0] == 503
            settings.MNIST_MAX_WAITING = 1
            writer.write(PLAIN + b"\r\neight")
            asking.write(PLAIN + b"\r\nnines")
            assert (await response(other))[::2] == (200, b"nines")
            await asyncio.sleep(0.1)
            assert len(django.asked) == 1
            assert (await response(reader))[::2] == (200, b"eight")

    asyncio.run(in_a_crowd())


def test_who_was_refused_may_go_before_it_is_heard_again(protocol, settings, caplog):
    settings.MNIST_MAX_WAITING = 0

    async def in_a_crowd():
        async with connected(protocol, timeout_keep_alive=0.01) as (reader, writer):
            writer.write(PLAIN + b"\r\nseven")
            assert (await response(reader))[0] == 503
            assert await is_closed(reader)
            await asyncio.sleep(2 * protocol.REST_S[1])

    asyncio.run(in_a_crowd())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_connection_is_kept_while_its_uploads_are_refused(protocol, settings):
    settings.MNIST_MAX_WAITING = 0

    async def in_a_crowd():
        async with connected(protocol, timeout_keep_alive=0.1) as (reader, writer):
            for _ in range(6):
                writer.write(PLAIN + b"\r\nseven")
                assert (await response(reader))[0] == 503
                await asyncio.sleep(0.05)
            assert await is_closed(reader)  # nobody asks any more

    asyncio.run(in_a_crowd())


@pytest.mark.parametrize(
    "head",
    [
        UPLOAD.replace(b"/mnist/classify", b"/api/v1/predictions"),
        UPLOAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
        UPLOAD + b"Connection: close\r\n",
    ],
    ids=["another address", "HTTP/1.0", "a last request"],
)
def test_what_is_not_as_most_uploads_are_is_refused_as_well(protocol, settings, head):
    settings.MNIST_MAX_WAITING = 0

    async def in_a_crowd():
        async with connected(protocol) as (reader, writer):
            writer.write(head + b"\r\nseven")
            status, headers, content = await response(reader)
            assert (status, headers["x-request-id"]) == (503, "mine")
            assert json.loads(content)["code"] == "overloaded"

    asyncio.run(in_a_crowd())


def test_what_does_not_wait_for_an_answer_is_let_go_after_it(protocol, django):
    async def at_once():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD + b"\r\nseven" + 1000 * (UPLOAD + b"\r\neight"))
            _, headers, content = await response(reader)
            assert (content, headers["connection"]) == (b"seven", "close")
            assert await is_closed(reader)

    asyncio.run(at_once())
    assert len(django.asked) == 1


def test_nothing_that_follows_a_request_is_answered_before_it(protocol, django):
    async def at_once():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD + b"\r\nseven\x01 is no request\r\n\r\n")
            assert (await response(reader))[::2] == (200, b"seven")
            assert await is_closed(reader)

    asyncio.run(at_once())


CHUNKS = UPLOAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"\r\n"


def test_a_chunked_body_ends_where_it_says_and_its_fields_are_no_headers(protocol, django):
    fields = b"X-Request-ID: other\r\n" * 1000

    async def in_chunks():
        async with connected(protocol) as (reader, writer):
            for _ in range(2):
                writer.write(CHUNKS + b"5\r\nseven\r\n0\r\n" + fields + b"\r\n")
                assert (await response(reader))[::2] == (200, b"seven")
            writer.write(CHUNKS + b"5\r\nseven\r\n0\r\n\r\n" + UPLOAD)
            _, headers, content = await response(reader)
            assert (content, headers["connection"]) == (b"seven", "close")
            assert await is_closed(reader)

    asyncio.run(in_chunks())
    assert [request.headers["x-request-id"] for request in django.requests] == ["mine"] * 3


def test_what_follows_a_refused_chunked_body_at_once_is_let_go(protocol, django, settings):
    settings.MNIST_MAX_WAITING = 0

    async def in_a_crowd():
        async with connected(protocol) as (reader, writer):
            writer.write(CHUNKS)
            assert (await response(reader))[0] == 503
            settings.MNIST_MAX_WAITING = 1
            smuggled = b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + UPLOAD + b"\r\neight"
            writer.write(b"5\r\nseven\r\n0\r\n\r\n" + UPLOAD + smuggled)
            assert await is_closed(reader)

    asyncio.run(in_a_crowd())
    assert django.asked == []


def test_a_chunked_body_without_its_end_is_cut_short(protocol, django):
    async def in_chunks():
        async with connected(protocol) as (reader, writer):
            writer.write(CHUNKS + b"5\r\nseven\r\n")
            writer.write_eof()
            status, _, content = await response(reader)
            assert (status, json.loads(content)["code"]) == (404, "cut_short")

    asyncio.run(in_chunks())
    assert django.asked == []


def test_the_rest_of_a_body_that_was_refused_is_no_request(protocol, django, settings):
    """Whatever it looks like: here a request for another protocol, whose head would be changed."""
    rest = b"\r\nUpgrade:\r\n\r\n" + UPLOAD + b"\r\neight"
    head = UPLOAD.replace(b"Length: 5", b"Length: %d" % (len(rest) + 2)) + b"\r\n"

    async def in_a_crowd():
        async with connected(protocol) as (reader, writer):
            settings.MNIST_MAX_WAITING = 0
            writer.write(head + b"12")
            assert (await response(reader))[0] == 503
            settings.MNIST_MAX_WAITING = 1
            writer.write(rest + UPLOAD + b"\r\nnines")
            assert (await response(reader))[::2] == (200, b"nines")

    asyncio.run(in_a_crowd())
    assert len(django.asked) == 1


def test_a_head_is_refused_without_its_body(protocol, settings):
    settings.MNIST_MAX_WAITING = 0

    async def in_a_crowd():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD.replace(b"POST", b"HEAD") + b"\r\nseven")
            assert b" 503 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            writer.write(UPLOAD.replace(b"POST", b"HEAD") + b"\r\nseven")
            assert b" 503 " in await asyncio.wait_for(reader.readline(), 5)  # no body came between

    asyncio.run(in_a_crowd())


def test_a_client_that_takes_no_answers_is_not_listened_to(protocol, django):
    django.answer = bytes(1_000_000)

    async def on_and_on():
        async with connected(protocol) as (_, writer):
            writer.transport.pause_reading()
            for _ in range(50):
                writer.write(UPLOAD + b"\r\nseven")
                await asyncio.sleep(0.005)

    asyncio.run(on_and_on())
    assert 0 < len(django.asked) < 20


def test_requests_hold_nothing_that_only_the_garbage_collector_finds(protocol):
    async def often():
        async with connected(protocol) as (reader, writer):
            for _ in range(3):
                writer.write(UPLOAD + b"\r\nseven")
                await response(reader)
            gc.collect()
            gc.disable()
            for _ in range(50):
                writer.write(UPLOAD + b"\r\nseven")
                await response(reader)
            cycles = [each for each in gc.get_objects() if isinstance(each, RequestResponseCycle)]
            gc.enable()
            assert len(cycles) <= 2

    asyncio.run(often())


@pytest.mark.parametrize(("body", "status"), [(b"seven", 200), (b"sev", 404)])
def test_a_client_that_says_it_is_done_still_gets_its_answer(protocol, body, status):
    async def done():
        async with connected(protocol) as (reader, writer):
            writer.write(UPLOAD + b"\r\n" + body)
            writer.write_eof()
            assert (await response(reader))[0] == status
            assert await is_closed(reader)

    asyncio.run(done())


@pytest.mark.parametrize("other", [b"h2c", b"websocket"])
def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(protocol, other):
    asked = UPLOAD + b"Connection: Upgrade, HTTP2-Settings\r\nUPGRADE: " + other + b"\r\n\r\n"

    async def asks():
        async with connected(protocol) as (reader, writer):
            for body in (b"seven", b"\r\nup:"):
                writer.write(asked[:70])
                await asyncio.sleep(0.01)
                writer.write(asked[70:])
                await asyncio.sleep(0.01)
                writer.write(body)
                assert (await response(reader))[::2] == (200, body)

    asyncio.run(asks())


def test_connections_beyond_a_limit_are_closed(protocol, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 0)

    async def too_many():
        async with connected(protocol) as (reader, _):
            assert await is_closed(reader)

    asyncio.run(too_many())


def test_an_answer_that_nobody_takes_any_more_ends(protocol, django):
    django.stream = Stream(itertools.repeat(b"row"))

    async def gone():
        async with connected(protocol) as (reader, writer):
            writer.write(b"GET /admin/export HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"row"), 5)
            writer.close()
            for _ in range(100):
                if django.stream.closed:
                    break
                await asyncio.sleep(0.02)
            assert django.stream.closed

    asyncio.run(gone())
