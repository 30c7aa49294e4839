"""HTTP/1.1 for uvicorn: one request of a connection at a time, and none without an end.

uvicorn leaves much of this to a proxy: it queues requests that come before the answer to an
earlier one without a limit, waits for heads for ever, and takes the fields after a chunked body
for headers. Here a head goes to its parser once it is whole, and then no more than the body
that it announced; so what is sent too early, or for another protocol, is never taken for
something else.
"""

import random
import re
import sys
from types import SimpleNamespace

from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from classifier.request_id import choose
from classifier.short_path import UPLOADS

from . import asgi, refusals, rounds
from .bridge import Answer

# isort: split

from classifier.api.views import ClassifyView

HEAD_TIMEOUT_S = 30  # for a request's head to arrive
MAX_HEAD_BYTES = 64 * 1024
REST_S = 0.5, 1.5  # after a refusal, which tells its client to wait longer; not all come at once
MAX_CONNECTIONS = 2048  # of a worker; each takes one of its files
BLANK = b"\r\n\r\n"
CHUNKED = -1  # bytes that are left of a body whose length only its end tells
UPLOAD = f"POST {UPLOADS} HTTP/1.1\r\n".encode()
METHOD = re.compile(rb"([A-Z]{1,20}) " + UPLOADS.encode() + rb"[? ]")
UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)
ANSWERED = SimpleNamespace(response_complete=True, message_event=SimpleNamespace(set=lambda: None))


class Flow(FlowControl):
    """Takes no more from a client that does not take its answers."""

    def resume_reading(self):
        if not self.write_paused:
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """A connection. A client that sends nothing more, and says so, still gets its answer."""

    def connection_made(self, transport):
        super().connection_made(transport)
        rounds.hurry()
        self.flow = Flow(transport)
        self._head = self._parsed = b""  # what there is of the next one, and the last one
        self._left = 0  # bytes of the body that are still to come
        self._begins = self._in_body = False  # what the parser is given: a head; past its end
        self._over = False  # nothing that comes now is looked at
        self._patience = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._end()
        else:
            self._expect_head()

    def connection_lost(self, exc):
        self._stop_expecting()
        self._let_go_of_scope()
        super().connection_lost(exc)

    def data_received(self, data):
        while data and not self._over:
            if self._left == CHUNKED:
                super().data_received(data)
                break
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                super().data_received(piece)
            elif self._is_busy():
                self._end()  # it does not wait for its answer
            else:
                data = self._take_head(data)
        if not self._is_busy() and self.timeout_keep_alive_task is None:
            self._expect_head()

    def _take_head(self, data: bytes) -> bytes:
        """Parse a head once it is whole; returns what follows it."""
        looked_at = max(0, len(self._head) - len(BLANK))
        data = self._head + data if self._head else data.lstrip(b"\r\n")
        end = data.find(BLANK, looked_at)
        if (end if end >= 0 else len(data)) > MAX_HEAD_BYTES:
            self._refuse(431, "head_too_large", "The head of the request is too large.")
            return b""
        if end < 0:
            self._unset_keepalive_if_required()
            self._head = data
            return b""
        self._stop_expecting()
        body = end + len(BLANK)
        head, self._head = data[:body], b""
        self._begins, self._in_body = True, False
        self._parsed = head
        super().data_received(without_upgrade(head))
        return data[body:]

    def eof_received(self):
        """Keep the connection until the request that is under way has been answered."""
        if not self._is_busy():
            return False
        if self._left:
            self.scope[asgi.CUT_SHORT] = True
        self.cycle.more_body = False
        self.cycle.message_event.set()
        self._end()
        return True

    def pause_writing(self):
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self):
        super().resume_writing()
        self.flow.resume_reading()

    # What the parser finds

    def on_message_begin(self):
        if self._begins:
            self._begins = False
            super().on_message_begin()
        else:  # behind a chunked body, in the same packet: not a head that was looked at
            self._end()

    def on_url(self, url):
        if not self._over:
            super().on_url(url)

    def on_header(self, name, value):
        if not (self._in_body or self._over):  # after a chunked body come fields that are none
            super().on_header(name, value)

    def on_headers_complete(self):
        if self._over:
            return
        self._in_body = True
        self._left = body_length(self.headers)
        if asgi.is_full() and self._parsed.startswith(UPLOAD) and self.parser.should_keep_alive():
            self._turn_away()
        else:
            super().on_headers_complete()

    def on_body(self, body):
        if not self._over:
            super().on_body(body)

    def on_message_complete(self):
        if not self._over:
            self._left = 0
            self.scope[asgi.WHOLE] = True
            super().on_message_complete()
            if self.cycle is ANSWERED:
                self.on_response_complete()
                self._rest()

    # Answers

    def send_400_response(self, msg):
        """Answer what is not HTTP; of a method that is none, say which one is right."""
        found = METHOD.match(self._parsed)
        if found and isinstance(sys.exception(), HttpParserInvalidMethodError):
            allowed = {"Allow": ", ".join(ClassifyView.allowed_methods)}
            detail = f'Method "{found[1].decode()}" not allowed.'
            self._refuse(405, "method_not_allowed", detail, allowed)
        else:
            self._refuse(400, "not_http", "This is not a request of HTTP/1.1.")

    def on_response_complete(self):
        self._let_go_of_scope()
        super().on_response_complete()

    def _start_asgi_task(self, cycle, app):
        asgi.expect()
        cycle.scope[asgi.ANSWER] = self._answer
        super()._start_asgi_task(cycle, app)

    def _answer(self, said: Answer):
        """Send an answer that is there in full by one call of the system's.

        uvicorn makes two, and looks for line breaks in each header, which Django has done.
        """
        cycle = self.cycle
        if cycle.disconnected:
            return
        more = self.server_state.default_headers
        if not cycle.keep_alive:
            more = [*more, (b"connection", b"close")]
        content = b"" if cycle.scope["method"] == "HEAD" else said.content
        self.transport.write(said.as_bytes(*more) + content)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _turn_away(self):
        """Answer that too many wait, with as little work as there is: the others wait for it."""
        sent = asgi.header(self.scope, b"x-request-id")
        self.transport.write(refusals.overloaded(choose(sent)))
        self.cycle = ANSWERED  # what comes of its body is let go

    def _rest(self):
        """Hear nothing more for a while: a client that does not wait would take others' time.

        What it sends stays with the system, which takes little, and holds it back.
        """
        if not self.transport.is_closing():
            self.flow.pause_reading()
            self.loop.call_later(random.uniform(*REST_S), self._hear_again)

    def _hear_again(self):
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _refuse(self, status: int, code: str, detail: str, headers: dict | None = None):
        """Answer what is no request, and end the connection."""
        self.transport.write(refusals.at_once(status, code, detail, headers or {}))
        self._over = True
        self.transport.close()

    # The connection

    def _is_busy(self) -> bool:
        """Whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _end(self):
        """End the connection, after the answer if one is owed."""
        self._over = True
        if self._is_busy():
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _expect_head(self):
        """End the connection when there is no whole head in time."""
        if not self._patience:
            self._patience = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _stop_expecting(self):
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _let_go_of_scope(self):
        """Hold no scope that holds this, or only the garbage collector would find them."""
        if self.scope:
            self.scope.pop(asgi.ANSWER, None)


def body_length(headers: list[tuple[bytes, bytes]]) -> int:
    """The length that a head announced; its parser has seen to it that there is no other."""
    for name, value in headers:
        if name == b"transfer-encoding":
            return CHUNKED
        if name == b"content-length":
            return int(value)
    return 0


def without_upgrade(head: bytes) -> bytes:
    """A request that asks for another protocol (HTTP/2, by curl's `--http2`) as one that does not.

    It may be answered in this one; the parser would take its body for the other.
    """
    return UPGRADE.sub(b"\r\nx-upgrade:", head) if b"pgrade" in head.lower() else head
