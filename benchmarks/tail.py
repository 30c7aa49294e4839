"""How much longer than usual the slowest uploads take: the 99th percentile beside the median.

    python benchmarks/tail.py [--seconds 60] [--pictures digit drawing]

One client on one connection that is kept posts a picture as soon as the last is answered and
stored, for a minute in all to each service, in turns of a few seconds with the floor.
"""

import argparse
import contextlib
import gc
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.services import SERVICES, Service
from benchmarks.serving import body, pictures

TURN_S = 5
HEAD = (
    "POST /mnist/classify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Content-Type: multipart/form-data; boundary=boundary\r\nContent-Length: {length}\r\n\r\n"
)


def post(connection: socket.socket, request: bytes) -> bytes:
    """The answer to one request, read to its end; http.client would take as long as a service."""
    connection.sendall(request)
    answer = connection.recv(65536)
    while not is_whole(answer):
        answer += connection.recv(65536)
    return answer


def is_whole(answer: bytes) -> bool:
    head, _, content = answer.partition(b"\r\n\r\n")
    _, found, length = head.lower().partition(b"content-length:")
    if found:
        return len(content) >= int(length.split(b"\r\n")[0])
    return content.endswith(b"0\r\n\r\n")  # in chunks


def latencies(service: Service, upload: bytes, seconds: float) -> list[float]:
    """How long each answer took, in milliseconds."""
    content, took = body(upload), []
    request = HEAD.format(port=service.port, length=len(content)).encode() + content
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = time.perf_counter() + seconds
        while (started := time.perf_counter()) < deadline:
            answer = post(connection, request)
            took.append((time.perf_counter() - started) * 1e3)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode())
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pictures", nargs="+", default=["digit"])
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=["ours", "floor"])
    options = parser.parse_args()
    gc.disable()  # of this client
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        services = [stack.enter_context(SERVICES[each](Path(name))) for each in options.services]
        for kind in options.pictures:
            upload, took = pictures()[kind], {service.name: [] for service in services}
            for service in services:
                latencies(service, upload, 1)
            for _ in range(round(options.seconds / TURN_S)):
                for service in services:
                    took[service.name] += latencies(service, upload, TURN_S)
            print(f"{kind}, {len(upload)} bytes:")
            for service, found in took.items():
                p50, p99, p999 = np.percentile(found, (50, 99, 99.9))
                print(
                    f"  {service:6} p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms,"
                    f" longest {max(found):.1f} ms; p99 is {p99 / p50:.2f} times p50"
                    f"  ({len(found)} uploads)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
