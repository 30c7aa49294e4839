"""HTTP as uvicorn speaks it, with what it leaves to a proxy: patience that ends."""

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
            self._be_patient()

    def connection_lost(self, exc):
        self._have_patience()
        super().connection_lost(exc)

    def data_received(self, data):
        self._received = data
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            elif not self._patience:
                self._be_patient()
        elif self._patience:
            self._have_patience()

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
        if self.cycle is None or self.cycle.response_complete or self._in_head:
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

    def _be_patient(self):
        self._patience = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _have_patience(self):
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _is_next_upload(self) -> bool:
        """Whether it is an upload as most are, and nothing before it is still to be answered."""
        return (
            self.url == UPLOADS.encode()
            and (self.cycle is None or self.cycle.response_complete)
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
        )

    def _refuse(self):
        """Answer that too many wait, with as little work as there is: the others wait for it."""
        sent = next((value for name, value in self.headers if name == b"x-request-id"), b"")
        self.transport.write(refusals.overloaded(choose(sent.decode("latin-1"))))
        self.cycle = ANSWERED  # what comes of its body is let go
        self.on_response_complete()
