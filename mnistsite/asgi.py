"""The site as uvicorn serves it: `mnistsite.asgi:application`.

A thread that reads a body waits for its client, and a few slow clients stop everybody. Here an
event loop collects the bodies, hundreds at a time, and Django only gets a request that is there
in full. Uploads are answered in the loop's own thread, one at a time: handing each to another
thread and back took as long as the network. A page may take a while, and has a thread beside.
Requests beyond what can wait are refused at once.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from classifier import metrics
from classifier.api import problem
from classifier.request_id import choose
from classifier.short_path import UPLOADS

from . import bridge, refusals
from .refusals import Refused, cut_short, too_many
from .rounds import in_turn

# What protocol.py adds to a request's scope, to save time; another server does not:
WHOLE = "mnist.whole"  # the body is there
CUT_SHORT = "mnist.cut_short"  # no more of it is coming
ANSWER = "mnist.answer"  # takes an Answer and sends it
GARBAGE_AFTER = 20_000  # objects that are made and kept: a crowd that waits has half as many

_thread = ThreadPoolExecutor(1, "django")  # more take turns at the interpreter's lock, and cost
_coming = 0  # requests that the loop has accepted and not yet begun with
_waiting = 0  # requests that are there in full and wait for their turn
_held = 0  # bytes of all bodies in memory
metrics.requests_waiting = lambda: _waiting
gc.collect()
gc.freeze()  # what is there now stays, and need not be looked through
gc.set_threshold(GARBAGE_AFTER)


async def application(scope, receive, send):
    """Read a request, and answer it."""
    global _coming, _held
    _coming = max(0, _coming - 1)
    body = bytearray()
    try:
        if WHOLE in scope:
            length = await read(receive, body, most_bytes(scope["path"]))
        else:
            async with asyncio.timeout(settings.MNIST_BODY_TIMEOUT_S):
                length = await read(receive, body, most_bytes(scope["path"]))
        if CUT_SHORT in scope or length < declared(scope) <= settings.MNIST_MAX_DRAINED_BYTES:
            raise cut_short()
        await answer(scope, receive, send, bytes(body), length)
    except Refused as refusal:
        await refuse(scope, send, refusal)
    except TimeoutError:
        await refuse(scope, send, Refused(408, "too_slow", "The body did not arrive in time."))
    finally:
        _held -= len(body)


async def read(receive, body: bytearray, limit: int) -> int:
    """Read a body into memory; returns its length.

    One over the limit is thrown away, up to a second limit: a client that is still sending
    would not hear the answer. Raises Refused.
    """
    global _held
    length, more = 0, True
    while more and length <= settings.MNIST_MAX_DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise cut_short()
        chunk, more = message["body"], message["more_body"]
        length += len(chunk)
        if length <= limit:
            body += chunk
            _held += len(chunk)
            if _held > settings.MNIST_MAX_HELD_BYTES:
                raise Refused(503, "overloaded", "Too many uploads are arriving. Try again.")
        else:
            _held -= len(body)
            body.clear()  # nobody is going to look at it
    return length


def most_bytes(path: str) -> int:
    """How much of a body is kept for Django; each view of the API has a limit of its own below."""
    if path.startswith("/api/"):
        return settings.MNIST_MAX_BATCH_BYTES
    return settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def declared(scope) -> int:
    """The body's length as the client announced it; 0 if it did not."""
    length = header(scope, b"content-length")
    return int(length) if length.isdecimal() else 0


def header(scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def answer(scope, receive, send, body: bytes, length: int) -> None:
    """Let Django answer, and send what it says. Raises Refused when too many wait already."""
    global _waiting
    if _waiting >= settings.MNIST_MAX_WAITING:
        raise too_many()
    _waiting += 1
    try:
        request = bridge.environ(scope, body, length)
        if scope["path"] == UPLOADS and scope["method"] == "POST":
            said = await in_turn(bridge.ask_about_upload, request)
        else:
            said = await in_thread(bridge.ask, request)
    finally:
        _waiting -= 1
    if isinstance(said.content, bytes):
        await tell(scope, send, said)
    else:
        await stream(receive, send, said)


def is_full() -> bool:
    """Whether as many requests wait as may."""
    return _waiting + _coming >= settings.MNIST_MAX_WAITING


def expect() -> None:
    """Count a request that will be begun with when the loop comes to it."""
    global _coming
    _coming += 1


async def in_thread(work: Callable, *given):
    """Let Django's thread work, while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work, *given)


async def tell(scope, send, said: bridge.Answer) -> None:
    """Send an answer that is there in full."""
    if ANSWER in scope:
        scope[ANSWER](said)
    else:
        await send({"type": "http.response.start", "status": said.status, "headers": said.headers})
        await send({"type": "http.response.body", "body": said.content})


async def until_gone(receive) -> None:
    """Wait for the client's end; it may have said before that it has nothing more to send."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def stream(receive, send, said: bridge.Answer) -> None:
    """Send an answer as it is made, for as long as its client is there."""
    gone = asyncio.ensure_future(until_gone(receive))
    chunks = iter(said.content)
    try:
        await send({"type": "http.response.start", "status": said.status, "headers": said.headers})
        while not gone.done() and (chunk := await in_thread(next, chunks, None)) is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await in_thread(said.content.close)


async def refuse(scope, send, refusal: Refused) -> None:
    """Tell the client why, as a view would; with a request id that the log has, too."""
    path, request_id = scope["path"], choose(header(scope, b"x-request-id"))
    told = problem.told_at(path, refusal.problem)
    refusals.note(told, scope["method"], path, request_id)
    await tell(scope, send, refusals.answer(told, path, request_id))
