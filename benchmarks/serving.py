"""How many uploads a second are classified and stored, beside others that run at the same time.

    make bench
    python benchmarks/serving.py --rounds 12 --seconds 2 [--pictures digit drawing photo]

The services are this one, this one as it was with a private HTTP server (commit 3161ac0), a bare
DRF view (floor.py) and FastAPI with ONNX Runtime (rival.py), each with two workers, its files and
its database in memory. A round asks each of them in turn for some seconds with wrk, over 16
connections. Printed are the medians of the rounds and the median of the ratios within a round:
a machine that slows down slows all of them.
"""

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np

from benchmarks.services import ROOT, SERVICES, Service
from ml.preprocess import prepare

SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "multipart/form-data; boundary=boundary"
local file = io.open("{body}", "rb")
wrk.body = file:read("*all")
file:close()
"""
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}  # of wrk's latencies, in milliseconds


class Load(NamedTuple):
    """What wrk saw: requests a second, failures, and latencies in milliseconds."""

    rate: float
    failed: int
    p50: float
    p99: float


def drive(service: Service, script: Path, connections: int, seconds: int) -> Load:
    """Ask a service with wrk as fast as it answers."""
    said = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"),
            *("-s", str(script), service.url),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    failed = re.findall(r"Non-2xx or 3xx responses: (\d+)", said)
    failed += re.findall(r"(?:connect|read|write|timeout) (\d+)", said)
    return Load(
        float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
        sum(map(int, failed)),
        *(latency(said, percent) for percent in (50, 99)),
    )


def latency(said: str, percent: int) -> float:
    value, unit = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s)", said).groups()
    return float(value) * UNITS[unit]


def pictures() -> dict[str, bytes]:
    """A digit of MNIST's size, a drawing of 400x400, a photo of 12 megapixels: all ours."""
    drawing = cv2.imread(str(ROOT / "fixtures" / "digits" / "3_paint.png"))
    drawing = cv2.resize(drawing, (400, 400), interpolation=cv2.INTER_AREA)
    small = prepare(cv2.imencode(".png", drawing)[1].tobytes()).pixels  # as those of MNIST
    light = np.linspace(150, 230, 4000, dtype=np.float32)[np.newaxis, :, np.newaxis]
    photo = cv2.resize(drawing, (3000, 3000)) / 255 * light[:, :3000]
    photo = cv2.copyMakeBorder(photo, 0, 0, 500, 500, cv2.BORDER_REPLICATE)
    photo += np.random.default_rng(0).normal(0, 4, photo.shape)
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    return {
        "digit": cv2.imencode(".png", small)[1].tobytes(),
        "drawing": cv2.imencode(".png", drawing)[1].tobytes(),
        "photo": cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes(),
    }


def write_script(folder: Path, name: str, upload: bytes) -> Path:
    """wrk's script that posts one picture."""
    content, script = folder / f"{name}.body", folder / f"{name}.lua"
    content.write_bytes(body(upload))
    script.write_text(SCRIPT.format(body=content))
    return script


def body(upload: bytes) -> bytes:
    """One picture as multipart/form-data."""
    return (
        b'--boundary\r\nContent-Disposition: form-data; name="image"; filename="picture"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + upload + b"\r\n--boundary--\r\n"
    )


def compare(services: list[Service], script: Path, rounds: int, seconds: int) -> None:
    """Print the rates of the services, and ours as parts of the others'."""
    loads = {service.name: [] for service in services}
    for service in services:
        drive(service, script, 16, 1)
    for _ in range(rounds):
        for service in services:
            loads[service.name].append(drive(service, script, 16, seconds))
    for name, seen in loads.items():
        rates = [load.rate for load in seen]
        line = f"  {name:6} {statistics.median(rates):7.0f} req/s"
        line += f" ({min(rates):.0f} to {max(rates):.0f})"
        line += f", p50 {statistics.median(load.p50 for load in seen):.1f} ms"
        line += f", p99 {statistics.median(load.p99 for load in seen):.1f} ms"
        line += f", {sum(load.failed for load in seen)} failed"
        if name != "ours":
            pairs = zip(loads["ours"], seen, strict=True)
            line += f"; ours is {statistics.median(a.rate / b.rate for a, b in pairs):.2f} of it"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--pictures", nargs="+", default=["digit", "drawing"])
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=list(SERVICES))
    options = parser.parse_args()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a disk would be what is measured
    with tempfile.TemporaryDirectory(dir=memory) as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        services = [stack.enter_context(SERVICES[each](folder)) for each in options.services]
        for kind in options.pictures:
            upload = pictures()[kind]
            print(f"{kind}, {len(upload)} bytes:")
            compare(services, write_script(folder, kind, upload), options.rounds, options.seconds)


if __name__ == "__main__":
    main()
