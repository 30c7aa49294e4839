"""Django behind ASGI: an event loop reads requests, threads respond to them.

The body of a request is read under limits and a deadline, so that a slow client occupies no
thread. Django, which is synchronous, then responds in one of a few threads, each of which keeps
its database connection. Only the ASGI specification is used: any ASGI server can run this.
"""

import asyncio
import io
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.http import HttpResponse
from django.urls import set_script_prefix
from django.utils.module_loading import import_string
from prometheus_client import Gauge

UPLOAD_PATH = "/mnist/classify"
LOGIN_PATH = "/admin/login/"
PROBE_PATHS = {"/healthz", "/readyz", "/metrics"}
LARGE_UPLOAD_BYTES = 256 * 1024  # photos; digits that are drawn or cut out are smaller
WAITING = Gauge(
    "mnist_requests_waiting", "Requests waiting or being answered", multiprocess_mode="livesum"
)


class Refused(Exception):
    """A request that is not passed on: the status, code and detail of the problem to send."""

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


class Handler(BaseHandler):
    """Django's middleware and views, called with a request whose body is in memory."""

    def __init__(self):
        super().__init__()
        self.load_middleware()

    def respond(self, scope: dict, body: bytes, refusal: Refused | None = None) -> HttpResponse:
        """Return the response to a request; to a refused one, the problem as the site shows it."""
        set_script_prefix(scope.get("root_path") or "/")
        request_started.send(sender=type(self), scope=scope)
        request = ASGIRequest(scope, io.BytesIO(body))
        request.refusal = refusal
        response = self.get_response(request)
        if not response.streaming:
            response.close()  # in this thread, whose database connection it looks after
        return response

    def max_body_bytes(self, scope: dict, body: bytes) -> int:
        """Return how long a large body may be: that depends on the view and on who sends it."""
        max_body_bytes = import_string("classifier.api.limits.max_body_bytes")
        return max_body_bytes(ASGIRequest(scope, io.BytesIO(body)))


class Pool:
    """Threads that respond to one kind of request, so that other kinds never wait for it.

    A request that takes longer than `timeout_seconds`, waiting included, is refused.
    """

    def __init__(self, name: str, threads: int, timeout_seconds: float):
        self.threads = ThreadPoolExecutor(threads, name)
        self.timeout_seconds = timeout_seconds
        self.request_count = self.body_bytes = 0  # of requests that wait or are being answered

    async def run(self, work: Callable, scope: dict, body: bytes = b""):
        """Call a function in one of the threads. Raises Refused."""
        is_full = self.request_count >= settings.MNIST_MAX_WAITING
        if is_full or self.body_bytes >= settings.MNIST_MAX_WAITING_BYTES:
            raise Refused(503, "overloaded", "Too many requests are waiting. Try again.")
        self.request_count += 1
        self.body_bytes += len(body)
        WAITING.inc()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await in_thread(self.threads, work, scope, body)
        except TimeoutError:
            raise Refused(503, "overloaded", "This took too long. Try again.") from None
        finally:
            self.request_count -= 1
            self.body_bytes -= len(body)
            WAITING.dec()


class Application:
    """The ASGI application around a handler."""

    def __init__(self, handler: Handler):
        self.handler = handler
        self.bodies: dict[int, tuple[bytearray, asyncio.Timeout]] = {}  # being read, oldest first
        self.body_bytes = 0  # of all these
        self.probes = Pool("probes", 1, timeout_seconds=5)
        # While one thread decodes a picture of many pixels, the other responds to small ones.
        self.uploads = Pool("uploads", 2, settings.MNIST_UPLOAD_TIMEOUT_S)
        self.large_uploads = Pool("large-uploads", 1, settings.MNIST_PAGE_TIMEOUT_S)
        self.api = Pool("api", 2, settings.MNIST_PAGE_TIMEOUT_S)
        self.pages = Pool("pages", 2, settings.MNIST_PAGE_TIMEOUT_S)
        self.logins = Pool("logins", 1, settings.MNIST_PAGE_TIMEOUT_S)  # passwords hash slowly
        # A response that is made while it is sent stays in one thread, with its database cursor.
        self.streams = itertools.cycle(ThreadPoolExecutor(1, "stream") for _ in range(4))

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Expected an HTTP request, received {scope['type']!r}.")
        try:
            body, length = await self.read_body(scope, receive)
            pool = self.pool_for(scope["path"], length)
            request = with_content_length(scope, length)
            response = await pool.run(self.handler.respond, request, body)
        except Refused as refusal:
            refused = with_content_length(scope, 0), b"", refusal
            response = await in_thread(self.probes.threads, self.handler.respond, *refused)
        await self.send_response(response, receive, send)

    def pool_for(self, path: str, length: int) -> Pool:
        if path == UPLOAD_PATH:
            return self.large_uploads if length > LARGE_UPLOAD_BYTES else self.uploads
        if path in PROBE_PATHS:
            return self.probes
        if path == LOGIN_PATH:
            return self.logins
        return self.api if path.startswith("/api/") else self.pages

    async def read_body(self, scope: dict, receive: Callable) -> tuple[bytes, int]:
        """Return the body of a request and its length. Raises Refused.

        What is over the limit is read, so that the client gets to see the response, and
        discarded; the body is then empty.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(settings.MNIST_BODY_TIMEOUT_S) as deadline:
                self.bodies[id(body)] = body, deadline
                length = await self.receive_all(scope, receive, body)
                return bytes(body), length
        except TimeoutError:
            raise Refused(408, "too_slow", "The body did not arrive in time.") from None
        finally:
            del self.bodies[id(body)]
            self.discard(body)

    async def receive_all(self, scope: dict, receive: Callable, body: bytearray) -> int:
        length, more = 0, True
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if scope["path"] == UPLOAD_PATH:
            limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        while more and length <= settings.MNIST_MAX_DRAINED_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "cut_short", "The body is shorter than its Content-Length.")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            if length <= limit < length + len(chunk):
                request = with_content_length(scope, 0)
                limit = await self.api.run(self.handler.max_body_bytes, request)
            length += len(chunk)
            if length <= limit:
                body += chunk
                self.body_bytes += len(chunk)
                self.free_memory()
            else:
                self.discard(body)
        return length

    def free_memory(self) -> None:
        """End the oldest bodies while all take too much: a small one arrives at once."""
        for body, deadline in self.bodies.values():
            if self.body_bytes <= settings.MNIST_MAX_HELD_BYTES:
                break
            self.discard(body)
            deadline.reschedule(asyncio.get_running_loop().time())

    def discard(self, body: bytearray) -> None:
        self.body_bytes -= len(body)
        body.clear()

    async def send_response(
        self, response: HttpResponse, receive: Callable, send: Callable
    ) -> None:
        headers = [
            (name.lower().encode(), text.encode("latin-1")) for name, text in response.items()
        ]
        for cookie in response.cookies.values():
            headers.append((b"set-cookie", cookie.OutputString().encode()))
        if not response.streaming and not response.has_header("Content-Length"):
            headers.append((b"content-length", b"%d" % len(response.content)))
        start = {"type": "http.response.start", "status": response.status_code}
        await send(start | {"headers": headers})
        if response.streaming:
            await send_stream(response, next(self.streams), receive, send)
        else:
            await send({"type": "http.response.body", "body": response.content})


def with_content_length(scope: dict, length: int) -> dict:
    """The scope with the length that was received: a chunked body has not announced any.

    Django takes the query string for UTF-8, which nobody promises.
    """
    others = [header for header in scope["headers"] if header[0] != b"content-length"]
    query = scope.get("query_string", b"").decode("utf-8", "replace").encode()
    headers = [*others, (b"content-length", b"%d" % length)]
    return scope | {"headers": headers, "query_string": query}


async def in_thread(threads: ThreadPoolExecutor, work: Callable, *args):
    return await asyncio.get_running_loop().run_in_executor(threads, work, *args)


async def send_stream(
    response: HttpResponse, thread: ThreadPoolExecutor, receive: Callable, send: Callable
) -> None:
    """Send a response part by part, for as long as the client is there."""
    gone, parts, part = asyncio.ensure_future(receive()), iter(response), b""
    try:
        while part is not None and not gone.done():
            part = await in_thread(thread, next, parts, None)
            more = {"body": part or b"", "more_body": part is not None}
            await send({"type": "http.response.body"} | more)
    finally:
        gone.cancel()
        await in_thread(thread, response.close)
