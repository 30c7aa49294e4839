"""HTTP as uvicorn speaks it, with what it leaves to a proxy: patience that ends."""

import re
import sys
from functools import partial
from types import SimpleNamespace

from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from classifier.request_id import choose
from classifier.short_path import UPLOADS

from . import asgi, refusals
from .bridge import Answer

# isort: split

from classifier.api.views import ClassifyView

HEAD_TIMEOUT_S = 30  # for a request's head to arrive
MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 2048  # of a worker; each takes one of its files
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"
UPGRADE = re.compile(rb"\r\nUpgrade:", re.IGNORECASE)
ANSWERED = SimpleNamespace(response_complete=True, message_event=SimpleNamespace(set=lambda: None))


class Protocol(HttpToolsProtocol):
    """A connection. Heads have to arrive in time, and uploads are refused before they are read.

    A client that sends nothing more after its request, and says so, still gets its answer.
    """

    def connection_made(self, transport):
        super().connection_made(transport)
        self._in_head, self._head_bytes, self._patience = True, 0, None
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
        else:
            self._expect_head()

    def connection_lost(self, exc):
        if self._patience:
            self._patience = self._patience.cancel()
        super().connection_lost(exc)

    def data_received(self, data):
        if self._is_idle() and b"pgrade" in data:
            data = without_upgrade(data)
        self._received = data
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(TOO_LARGE)
                self.transport.close()
        if self._is_idle() and self.timeout_keep_alive_task is None:
            self._expect_head()
        elif self._patience:
            self._patience = self._patience.cancel()

    def send_400_response(self, msg):
        """Answer what is not HTTP; of a method that is none, say which one is right."""
        if isinstance(sys.exception(), HttpParserInvalidMethodError):
            method, _, rest = self._received.partition(b" ")
            if rest.startswith(UPLOADS.encode() + b" "):
                named = method[:20].decode("latin-1"), ClassifyView.allowed_methods
                self.transport.write(refusals.not_allowed(*named, choose("")))
                self.transport.close()
                return
        super().send_400_response(msg)

    def eof_received(self):
        """Keep the connection until the request that is under way has been answered."""
        if self._is_idle():
            return False
        self.cycle.keep_alive = self.cycle.more_body = False
        self.cycle.message_event.set()
        return True

    def on_message_begin(self):
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self):
        self._in_head = False
        if asgi.is_full() and self._is_next_upload():
            self._refuse()
        else:
            super().on_headers_complete()

    def on_message_complete(self):
        super().on_message_complete()
        self.scope[asgi.WHOLE] = True

    def _start_asgi_task(self, cycle, app):
        asgi.expect()
        cycle.scope[asgi.ANSWER] = partial(self._answer, cycle)
        super()._start_asgi_task(cycle, app)

    def _answer(self, cycle, said: Answer):
        """Send an answer that is there in full by one call of the system's.

        uvicorn makes two, and looks for line breaks in each header, which Django has done.
        """
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

    def _is_idle(self) -> bool:
        """Whether no request is under way, but for what there is of a head."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self):
        """Let the connection end when there is no whole head in time; what has begun may go on."""
        if not self._patience:
            self._patience = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _is_next_upload(self) -> bool:
        """Whether it is an upload as most are, and nothing before it is still to be answered."""
        return (
            self.url == UPLOADS.encode()
            and self._is_idle()
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
        )

    def _refuse(self):
        """Answer that too many wait, with as little work as there is: the others wait for it."""
        sent = next((value for name, value in self.headers if name == b"x-request-id"), b"")
        self.transport.write(refusals.overloaded(choose(sent.decode("latin-1"))))
        self.cycle = ANSWERED  # what comes of its body is let go
        self.on_response_complete()


def without_upgrade(data: bytes) -> bytes:
    """A request that asks for another protocol (HTTP/2, by curl's `--http2`) as one that does not.

    It may be answered as if it had not asked; the parser would take its body for the other.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nX-Upgrade:", head) + blank + body
