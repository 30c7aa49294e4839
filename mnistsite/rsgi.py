"""The site as granian serves it: `mnistsite.rsgi:application`.

A thread that reads a body waits for its client, and a few slow clients stop everybody. Here an
event loop collects the bodies, hundreds at a time, and Django only gets a request that is there
in full. Uploads are answered in the loop's own thread, one at a time: handing each to another
thread and back took as long as the network. A page may take a while, and has a thread beside.
Requests beyond what can wait are refused at once.
"""

import asyncio
import contextlib
import contextvars
import io
import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from granian.rsgi import ProtocolClosed

from classifier import metrics
from classifier.api import problem
from classifier.request_id import choose
from classifier.short_path import UPLOADS

from .wsgi import application as django

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # nothing here awaits in the midst of a query

logger = logging.getLogger(__name__)

BASE = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}

MAX_SMALL_BYTES = 8 * 1024  # of a body that comes with its head, or next
MAX_TURNED_AWAY = 256  # whose bodies are still coming
SAY_EVERY_S = 1.0
LOOK_UP_EVERY_S = 0.005

_turn = asyncio.Lock()  # of uploads
_context = contextvars.copy_context()  # of all uploads: in one of its own each would connect anew
_thread = ThreadPoolExecutor(1, "django")  # more take turns at the interpreter's lock, and cost
_waiting = 0  # requests that are there in full and wait for their turn
_held = 0  # bytes of all bodies in memory
_turned_away = 0
_refused, _said_at = 0, 0.0  # for being too many
_looked_up_at = 0.0
metrics.requests_waiting = lambda: _waiting


class Refused(Exception):
    """A request that does not reach Django, and the problem that its client is told."""

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(detail)
        self.problem = problem.Problem(status, code, detail)


async def application(scope, protocol):
    """Answer one HTTP request, or turn it away when too many wait."""
    if _waiting >= settings.MNIST_MAX_WAITING and 0 < declared(scope) <= MAX_SMALL_BYTES:
        await turn_away(scope, protocol)
    else:
        await take(scope, protocol)


async def turn_away(scope, protocol) -> None:
    """Refuse a small request with as little work as there is: what it costs, others wait for.

    Its body is read, or the client would lose its connection; but not that of many slow ones.
    """
    global _turned_away
    if _turned_away < MAX_TURNED_AWAY:
        _turned_away += 1
        try:
            with contextlib.suppress(ProtocolClosed):  # the client did not wait
                await protocol()
        finally:
            _turned_away -= 1
    refuse(scope, protocol, too_many())


async def take(scope, protocol) -> None:
    """Read a request, and answer it."""
    global _held
    body = bytearray()
    try:
        async with asyncio.timeout(settings.MNIST_BODY_TIMEOUT_S):
            length = await read(protocol, body, most_bytes(scope.path))
        if length < declared(scope) <= settings.MNIST_MAX_DRAINED_BYTES:  # the client is gone
            raise Refused(400, "cut_short", "The body is shorter than its Content-Length.")
        await answer(scope, protocol, bytes(body), length)
    except Refused as refusal:
        refuse(scope, protocol, refusal)
    except TimeoutError:
        refuse(scope, protocol, Refused(408, "too_slow", "The body did not arrive in time."))
    finally:
        _held -= len(body)


async def read(protocol, body: bytearray, limit: int) -> int:
    """Read a body into memory; returns its length.

    One over the limit is thrown away, up to a second limit: a client that is still sending
    would not hear the answer. Raises Refused.
    """
    global _held
    length = 0
    async for chunk in protocol:
        length += len(chunk)
        if length <= limit:
            body += chunk
            _held += len(chunk)
            if _held > settings.MNIST_MAX_HELD_BYTES:
                raise Refused(503, "overloaded", "Too many uploads are arriving. Try again.")
            continue
        _held -= len(body)
        body.clear()  # nobody is going to look at it
        if length > settings.MNIST_MAX_DRAINED_BYTES:
            break
    return length


def most_bytes(path: str) -> int:
    """How much of a body is kept for Django; each view of the API has a limit of its own below."""
    if path.startswith("/api/"):
        return settings.MNIST_MAX_BATCH_BYTES
    return settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def declared(scope) -> int:
    """The body's length as the client announced it; 0 if it did not."""
    length = scope.headers.get("content-length") or ""
    return int(length) if length.isdecimal() else 0


async def answer(scope, protocol, body: bytes, length: int) -> None:
    """Let Django answer, and send what it says. Raises Refused when too many wait already."""
    global _waiting
    if _waiting >= settings.MNIST_MAX_WAITING:
        raise too_many()
    _waiting += 1
    try:
        request = environ(scope, body, length)
        if scope.path == UPLOADS:
            async with _turn:
                await look_up()
                status, headers, response = _context.run(ask, request)
        else:
            status, headers, response = await in_thread(ask, request)
    finally:
        _waiting -= 1
    if isinstance(response, bytes):
        protocol.response_bytes(status, headers, response)
        return
    transport, chunks = protocol.response_stream(status, headers), iter(response)
    try:
        while (chunk := await in_thread(next, chunks, None)) is not None:
            await transport.send_bytes(chunk)
    finally:
        await in_thread(response.close)


async def look_up() -> None:
    """Let those that came meanwhile be counted, and refused if they are too many.

    Not between any two uploads: a round of the loop takes as long as a tenth of one.
    """
    global _looked_up_at
    if time.monotonic() >= _looked_up_at + LOOK_UP_EVERY_S:
        await asyncio.sleep(0)
        _looked_up_at = time.monotonic()


async def in_thread(work: Callable, *given):
    """Let Django's thread work, while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work, *given)


def environ(scope, body: bytes, length: int) -> dict:
    """The request as WSGI's environment; `length` is what the client sent, kept or not."""
    host, _, port = (scope.authority or scope.server).rpartition(":")
    found = BASE | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path,
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in scope.headers.items():
        key = "HTTP_" + name.upper().replace("-", "_")
        found[key] = f"{found[key]},{value}" if key in found else value
    found["CONTENT_TYPE"] = found.pop("HTTP_CONTENT_TYPE", "")
    found["CONTENT_LENGTH"] = str(length)  # of what came, whatever the header says
    return found


def ask(request: dict) -> tuple:
    """Call Django; returns the status, the headers, and the body or the stream of it."""
    said = []
    response = django(request, lambda status, headers, error=None: said.extend((status, headers)))
    status, headers = int(said[0].split(" ", 1)[0]), said[1]
    if getattr(response, "streaming", False):
        return status, headers, response
    content = b"".join(response)
    response.close()
    return status, headers, content


def too_many() -> Refused:
    return Refused(503, "overloaded", "Too many requests are waiting. Try again.")


def note_overload() -> None:
    """Log it at most once a second: a line for each costs as much as all the rest of refusing."""
    global _refused, _said_at
    _refused += 1
    now = time.monotonic()
    if now >= _said_at + SAY_EVERY_S:
        logger.warning("Overloaded: %s refused since this was last said.", _refused)
        _refused, _said_at = 0, now


def refuse(scope, protocol, refusal: Refused) -> None:
    """Tell the client why, as a view would; with a request id that the log has, too."""
    request_id = choose(scope.headers.get("x-request-id") or "")
    told = problem.told_at(scope.path, refusal.problem)
    if told.code == "overloaded":
        note_overload()
    else:
        what = scope.method, scope.path[:100], told.status, told.code
        logger.info("%s %r: %s %s, request %s", *what, request_id)
    metrics.note_refusal(told.status, told.code)
    headers = problem.headers(told, scope.path) | {"X-Request-ID": request_id}
    content = problem.as_json(told, scope.path, request_id)
    sent = [(name.lower(), value) for name, value in headers.items()]
    protocol.response_str(told.status, sent, content)
