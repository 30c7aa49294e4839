"""The adapter between ASGI and Django: bodies that are slow, large, cut short or too many."""

import asyncio
import itertools
import threading

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from mnistsite.adapter import Application, Pool, Refused

UPLOADS, BATCHES, PAGE = "/mnist/classify", "/api/v1/batches", "/admin/"
MEGABYTE = 1024 * 1024


class Handler:
    """Stands in for Django: responds with the body, when it may."""

    def __init__(self):
        self.may_respond = threading.Event()
        self.may_respond.set()
        self.paths, self.lengths, self.threads = [], [], set()
        self.large_body_limit = 2 * MEGABYTE
        self.response = None

    def respond(self, scope, body, refusal=None):
        if refusal:
            return HttpResponse(refusal.code, status=refusal.status)
        assert self.may_respond.wait(10)
        self.paths.append(scope["path"])
        self.lengths.append(dict(scope["headers"])[b"content-length"])
        self.threads.add(threading.current_thread().name)
        return self.response or HttpResponse(body)

    def max_body_bytes(self, scope, body):
        return self.large_body_limit


class Client:
    """Sends these chunks; after the last one it ends the body, waits for ever, or goes away."""

    def __init__(self, *chunks, path=UPLOADS, then="end", on_start=lambda: None):
        self.chunks, self.path, self.then, self.on_start = list(chunks), path, then, on_start
        self.status, self.headers, self.content = None, {}, b""
        self.gone = asyncio.Event()

    async def receive(self):
        if self.chunks:
            more = len(self.chunks) > 1 or self.then != "end"
            return {"type": "http.request", "body": self.chunks.pop(0), "more_body": more}
        if self.then != "leave":
            await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            self.on_start()
        else:
            self.content += message["body"]

    async def call(self, application, **headers):
        scope = {
            "type": "http",
            "method": "POST",
            "path": self.path,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await application(scope, self.receive, self.send)
        return self


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def call(handler):
    """Calls the application for all these clients at once; the application."""

    def call_all(*clients, **headers):
        async def run():
            application = Application(handler)
            await asyncio.gather(*(each.call(application, **headers) for each in clients))
            return application

        return asyncio.run(run())

    return call_all


def test_a_body_in_chunks_reaches_django_with_its_length(call, handler):
    client = Client(b"seven", b" eight")
    application = call(client, **{"content-length": "3"})
    assert (client.status, client.content, handler.lengths) == (200, b"seven eight", [b"11"])
    assert application.body_bytes == application.uploads.body_bytes == 0


def test_a_body_that_does_not_arrive_in_time_is_refused(call, handler, settings):
    settings.MNIST_BODY_TIMEOUT_S = 0.05
    late = Client(b"sev", then="wait")
    application = call(late)
    assert (late.status, late.content, handler.paths) == (408, b"too_slow", [])
    assert application.body_bytes == 0


def test_a_body_whose_client_leaves_is_cut_short(call, handler):
    client = Client(b"sev", then="leave")
    call(client)
    assert (client.status, client.content, handler.paths) == (400, b"cut_short", [])


def test_an_upload_over_the_limit_is_read_and_discarded(call, handler, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = handler.large_body_limit = 10
    client = Client(*[b"12345"] * 4)
    call(client)
    assert (client.status, client.content, handler.lengths) == (200, b"", [b"20"])


def test_no_more_is_read_than_can_be_discarded(call, handler, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = handler.large_body_limit = 10
    settings.MNIST_MAX_DRAINED_BYTES = 100
    client = Client(*[b"12345"] * 1000)
    call(client)
    assert (client.status, len(client.chunks)) == (200, 1000 - 21)


@pytest.mark.parametrize(("limit", "kept"), [(2 * MEGABYTE, MEGABYTE), (100, 0)])
def test_a_large_body_is_kept_only_for_those_who_may_send_it(call, handler, settings, limit, kept):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, handler.large_body_limit = 100, limit
    client = Client(*[bytes(1024)] * 1024, path=BATCHES)
    call(client)
    assert (client.status, len(client.content)) == (200, kept)


def test_of_too_many_bytes_the_oldest_bodies_end_and_small_new_ones_are_read(call, settings):
    settings.MNIST_MAX_HELD_BYTES = 3000
    slow = [Client(bytes(1000), then="wait") for _ in range(3)]
    small = Client(b"seven")
    application = call_and_release(slow, small, call)
    assert (small.status, small.content) == (200, b"seven")
    assert [each.status for each in slow] == [408, 400, 400]  # the others went away at last
    assert application.body_bytes == 0


def call_and_release(slow, small, call):
    small.on_start = lambda: [each.gone.set() for each in slow]
    return call(*slow, small)


def test_beyond_what_may_wait_a_request_is_refused_at_once(call, handler, settings):
    settings.MNIST_MAX_WAITING = 2
    handler.may_respond.clear()
    clients = [Client(b"seven", on_start=handler.may_respond.set) for _ in range(3)]
    application = call(*clients)
    assert [each.status for each in clients] == [200, 200, 503]
    assert (clients[2].content, application.uploads.request_count) == (b"overloaded", 0)


def test_large_bodies_that_wait_leave_room_for_small_ones(call, handler, settings):
    settings.MNIST_MAX_WAITING_BYTES = 1 * MEGABYTE
    handler.may_respond.clear()
    large = [Client(bytes(MEGABYTE)) for _ in range(3)]
    small = Client(b"seven")
    large[2].on_start = handler.may_respond.set  # the third one is refused while the others wait
    call(*large, small)
    assert sorted(each.status for each in large) == [200, 503, 503]
    assert small.status == 200


def test_one_kind_of_request_does_not_wait_for_another(call, handler):
    """A page takes until the upload, which comes later, has its response."""
    handler.may_respond.clear()
    page = Client(b"", path=PAGE)
    original = handler.respond

    def respond(scope, body, refusal=None):
        if scope["path"] == UPLOADS:
            handler.may_respond.set()
        return original(scope, body, refusal)

    handler.respond = respond
    upload = Client(b"seven")
    call(page, page_again := Client(b"", path=PAGE), upload)
    assert handler.paths[0] == UPLOADS
    assert [each.status for each in (page, page_again, upload)] == [200, 200, 200]


def test_a_response_that_takes_too_long_is_refused(call, handler, settings):
    settings.MNIST_UPLOAD_TIMEOUT_S = 0.05
    handler.may_respond.clear()
    late = Client(b"seven", on_start=handler.may_respond.set)
    call(late)
    assert (late.status, late.content) == (503, b"overloaded")


@pytest.mark.parametrize(
    ("path", "length", "name"),
    [
        (UPLOADS, 10, "uploads"),
        (UPLOADS, MEGABYTE, "large-uploads"),
        ("/healthz", 0, "probes"),
        ("/api/v1/predictions", 10, "api"),
        ("/", 0, "pages"),
        ("/admin/login/", 100, "logins"),
    ],
)
def test_each_kind_of_request_has_threads_of_its_own(call, handler, path, length, name):
    call(Client(bytes(length), path=path))
    assert {each.rpartition("_")[0] for each in handler.threads} == {name}


def test_cookies_and_headers_are_sent(call, handler):
    handler.response = HttpResponse(b"four", headers={"X-Name": "value"})
    handler.response.set_cookie("first", "1")
    handler.response.set_cookie("second", "2")
    client = Client(b"")
    call(client)
    assert (client.headers[b"x-name"], client.headers[b"content-length"]) == (b"value", b"4")
    assert client.headers[b"set-cookie"] == b"second=2; Path=/"


def test_a_stream_is_made_in_one_thread_and_closed(call, handler):
    threads, closed = set(), threading.Event()

    def parts():
        try:
            for _ in range(5):
                threads.add(threading.get_ident())
                yield b"part"
        finally:
            closed.set()

    handler.response = StreamingHttpResponse(parts())
    client = Client(b"", path=PAGE, then="wait")
    client.chunks, client.then = [b""], "end"
    call(client)
    assert (client.content, len(threads), closed.is_set()) == (b"part" * 5, 1, True)


def test_a_stream_that_nobody_reads_any_more_ends(call, handler):
    handler.response = StreamingHttpResponse(itertools.repeat(b"row"))
    client = Client(b"", path=PAGE)
    client.on_start = lambda: client.gone.set()
    call(client)
    assert client.content.count(b"row") < 1000


def test_another_protocol_is_not_taken_for_http(handler):
    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(Application(handler)({"type": "websocket"}, None, None))


def test_a_pool_counts_nothing_once_all_is_done(settings):
    async def run():
        pool = Pool("test", 1, timeout_seconds=5)
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda scope, body: 1 / 0, {}, b"seven")
        return pool

    pool = asyncio.run(run())
    assert (pool.request_count, pool.body_bytes) == (0, 0)


def test_a_refusal_keeps_its_status_code_and_detail():
    refusal = Refused(503, "overloaded", "Try again.")
    assert (refusal.status, refusal.code, str(refusal)) == (503, "overloaded", "Try again.")
