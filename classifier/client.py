"""A client of the service. It needs nothing but Python's standard library."""

import json
import uuid
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 30


class ServiceError(RuntimeError):
    """The service could not be reached, or what answered is not the service."""


class Client:
    """A connection to a running service, kept open between pictures.

    `url` is the site's address, with or without the path of an endpoint.
    """

    def __init__(self, url: str):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"Expected an address like http://127.0.0.1:8000, received {url!r}.")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._path = parts.path if parts.path.strip("/") else "/mnist/classify"
        self._path += f"?{parts.query}" if parts.query else ""
        self._url = url

    def classify(self, upload: bytes, name: str = "image") -> dict:
        """Post one picture; returns the service's answer, or its refusal (`code`, `detail`).

        Raises ServiceError.
        """
        body, content_type = multipart(upload, name)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        try:
            self._connection.request("POST", self._path, body, headers)
            answer = json.loads(self._connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            self._connection.close()
            raise ServiceError(
                f"{self._url} did not answer as the service does: {error}"
            ) from error
        if not isinstance(answer, dict) or not {"digit", "code"} & answer.keys():
            raise ServiceError(f"{self._url} answered, but is not the service.")
        return answer

    def classify_file(self, path: Path) -> dict:
        """Post the picture in a file. Raises OSError and ServiceError."""
        return self.classify(path.read_bytes(), path.name)


def multipart(upload: bytes, name: str) -> tuple[bytes, str]:
    """A multipart/form-data body with one file in the field `image`, and its content type."""
    boundary = uuid.uuid4().hex
    safe = name.encode("ascii", "replace").decode().translate({34: "'", 13: " ", 10: " "})
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + upload + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
