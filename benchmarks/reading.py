"""How long one picture takes, against something anyone can measure beside it.

    python benchmarks/reading.py

Two ratios, each from rounds in turn in one run, medians, one thread:
the shipped network against a plain CNN of 109,000 parameters, both compiled for LiteRT, for one
look and for a doubtful picture, which is looked at fifteen times;
the whole way from bytes to 28x28 pixels against one full colour `cv2.imdecode` of them.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import keras
import numpy as np
from keras import layers

from ml import checkpoint, predict, second_look
from ml.preprocess import prepare

ROUNDS = 15
WEIGHTS = Path(__file__).parents[1] / "ml" / "weights"


def ratio(name: str, one, other, repeats: int) -> None:
    """Print how many times as long `one` takes as `other`."""
    pairs = [(timed(one, repeats), timed(other, repeats)) for _ in range(ROUNDS + 1)][1:]
    ones, others = zip(*pairs, strict=True)
    print(
        f"{name}: {statistics.median(a / b for a, b in pairs):.2f} times "
        f"({statistics.median(ones) * 1e6:.0f} us against {statistics.median(others) * 1e6:.0f} us)"
    )


def timed(call, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def plain_cnn() -> keras.Model:
    """The network that the ratio is taken against: 108,618 parameters."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )


def phone_photo() -> bytes:
    """A JPEG of 12 megapixels: a seven in dark ink on grainy, unevenly lit paper."""
    light = np.linspace(170, 230, 4000)[np.newaxis, :, np.newaxis]
    grain = np.random.default_rng(0).normal(light, 5, (3000, 4000, 3))
    paper = grain.clip(0, 255).astype(np.uint8)
    points = np.array([[1400, 700], [2600, 700], [1800, 2300]], np.int32)
    cv2.polylines(paper, [points], isClosed=False, color=(60, 40, 40), thickness=60)
    return cv2.imencode(".jpg", paper, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def drawing(ink: tuple[int, int, int], grey: bool = False) -> bytes:
    """A PNG of 400x400 pixels from a paint program, with three channels or one."""
    paper = np.full((400, 400, 3), 255, np.uint8)
    points = np.array([[120, 80], [280, 80], [170, 320]], np.int32)
    cv2.polylines(paper, [points], False, ink, 14, cv2.LINE_AA)
    return cv2.imencode(".png", paper[..., 0] if grey else paper)[1].tobytes()


def main() -> None:
    (facts,) = WEIGHTS.glob("*.json")
    shipped = checkpoint.read(WEIGHTS, facts.stem)
    ours = predict.LiteRT(checkpoint.load_compiled(shipped))
    plain = predict.LiteRT(checkpoint.compile_network(plain_cnn()))
    batch = np.zeros((1, 28, 28, 1), np.float32)
    ratio("network, one image", lambda: ours(batch), lambda: plain(batch), 500)
    predictor, pixels = predict.Predictor(shipped), np.zeros((1, 28, 28), np.uint8)
    ratio(
        "network, a doubtful one",
        lambda: second_look.look(predictor.first_look, pixels, np.inf),
        lambda: plain(batch),
        50,
    )
    cv2.setNumThreads(1)
    black, blue = (0, 0, 0), (140, 52, 34)
    for name, upload in (
        ("12-megapixel JPEG", phone_photo()),
        ("400x400 PNG", drawing(black)),
        ("400x400 PNG in colour", drawing(blue)),
        ("400x400 PNG of one channel", drawing(black, grey=True)),
    ):
        content = np.frombuffer(upload, np.uint8)
        ratio(
            f"bytes to 28x28, {name}",
            lambda upload=upload: prepare(upload),
            lambda content=content: cv2.imdecode(content, cv2.IMREAD_COLOR),
            3 if len(upload) > 1_000_000 else 50,
        )


if __name__ == "__main__":
    main()
