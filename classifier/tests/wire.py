"""HTTP requests as bytes, also such as no library would send, and what comes back."""

import json
import socket
from http.client import HTTPResponse
from typing import NamedTuple

MULTIPART = "multipart/form-data; boundary=limit"
NAMED = 'Content-Disposition: form-data; name="image"; filename="a.png"'
PATIENCE_S = 60  # of the client; only a connection that is left hanging takes it


class Answer(NamedTuple):
    """A response: its status, its headers, and its body, parsed if that is JSON."""

    status: int
    headers: dict[str, str]
    body: dict | bytes


def request(
    body: bytes = b"",
    content_type: str | bytes = MULTIPART,
    *headers: str | bytes,
    method: str = "POST",
    path: str = "/mnist/classify",
    host: str = "localhost",
    length: object = None,
) -> bytes:
    """A whole request; `length` is what it says of its body, if that is not true."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if content_type:
        lines.append(b"Content-Type: " + encoded(content_type))
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return b"\r\n".join(encoded(line) for line in lines) + b"\r\n\r\n" + body


def encoded(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def part(content: bytes, head: str | bytes = NAMED) -> bytes:
    """One part of a multipart body."""
    return b"--limit\r\n" + encoded(head) + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A multipart body of these parts, with its end."""
    return b"".join(parts) + b"--limit--\r\n"


def upload(picture: bytes, *headers: str, head: str | bytes = NAMED, **options) -> bytes:
    """A request with one whole picture."""
    return request(form(part(picture, head)), MULTIPART, *headers, **options)


def named(disposition: str | bytes) -> bytes:
    """The head of a part whose file name is given by these parameters."""
    return b'Content-Disposition: form-data; name="image"; ' + encoded(disposition)


def send(port: int, content: bytes, end: bool = False) -> Answer:
    """Send bytes and read one response; with `end`, say that there is nothing more to come."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(content)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return received(connection, method=content.partition(b" ")[0].decode())


def received(connection: socket.socket, method: str = "POST") -> Answer:
    """Read the response to a request of this method."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    is_json = body and "json" in headers.get("content-type", "")
    return Answer(response.status, headers, json.loads(body) if is_json else body)
