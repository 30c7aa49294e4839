"""From a request of the server's to Django, and from Django's answer back."""

import io
import os
import sys
import urllib.parse
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

from django.core.handlers.wsgi import WSGIRequest
from django.db import DEFAULT_DB_ALIAS, connections

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # nobody awaits in the midst of a query

from .wsgi import application as django  # sets Django up, which the other needs

# isort: split

from classifier.api.multipart import is_plain

BASE = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class Answer(NamedTuple):
    """What Django said: the status, the headers, and the body or the stream of it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes | Iterable[bytes]

    def as_bytes(self, *more: tuple[bytes, bytes]) -> bytes:
        """The status and the headers as HTTP has them, with some more, and the blank line."""
        lines = [b"%b: %b\r\n" % line for line in (*self.headers, *more)]
        return b"".join([status_line(self.status), *lines, b"\r\n"])


class UploadRequest(WSGIRequest):
    """An upload. Its content type is not parsed when it is as all clients have it."""

    def _set_content_type_params(self, meta):
        if is_plain(meta["CONTENT_TYPE"]):
            self.content_type, self.content_params = "multipart/form-data", {}
        else:
            super()._set_content_type_params(meta)


def environ(scope: dict, body: bytes, length: int) -> dict:
    """The request as WSGI's environment; `length` is what the client sent, kept or not.

    A header with an underscore in its name is left out: it would pass for another one.
    """
    client, server = scope["client"] or ("", 0), scope["server"] or ("", 0)
    found = BASE | {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": urllib.parse.unquote(scope["raw_path"].decode("latin-1"), "latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in scope["headers"]:
        if b"_" not in name:
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            said = value.decode("latin-1")
            found[key] = f"{found[key]},{said}" if key in found else said
    found["CONTENT_TYPE"] = found.pop("HTTP_CONTENT_TYPE", "")
    found["CONTENT_LENGTH"] = str(length)  # of what came, whatever the header says
    return found


def ask(request: dict) -> Answer:
    """Let Django answer."""
    said = []
    response = django(request, lambda status, headers, error=None: said.extend((status, headers)))
    status, headers = int(said[0].split(" ", 1)[0]), encoded(said[1])
    if getattr(response, "streaming", False):
        return Answer(status, headers, response)
    content = b"".join(response)
    response.close()
    return whole(status, headers, content)


def ask_about_upload(request: dict) -> Answer:
    """The same without the signals that Django sends before and after: some 40 microseconds.

    What hears them looks after connections: to the database, which is done here, and to caches,
    which need it not.
    """
    connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
    response = django.get_response(UploadRequest(request))
    return whole(response.status_code, encoded(response.items()), response.content)


def whole(status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> Answer:
    """An answer that is there in full, with its length."""
    has_length = status in (204, 304) or any(name == b"content-length" for name, _ in headers)
    if not has_length:
        headers.append((b"content-length", b"%d" % len(content)))
    return Answer(status, headers, content)


@cache
def status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
