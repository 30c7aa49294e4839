"""Data and a network to a checkpoint."""

import datetime
import hashlib
import json
import platform
import random
import shutil
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from . import augment, calibrate, checkpoint
from .calibrate import NOT_A_DIGIT
from .dataset import Arrays, split_validation
from .network import build

PASSES = 3  # how often an epoch shows each training image, varied anew each time
DRAWN = 8  # for so many of MNIST's images, one digit drawn by us ...
OTHERS = 6  # ... and for so many, one picture of something else
PEAK_RATE = 2e-3  # learning rate of Adam after the warm-up; falls to 0 along a cosine
LIBRARIES = ("keras", "tensorflow", "numpy", "opencv-python-headless", "ai-edge-litert")


class Plan(NamedTuple):
    """What to train, and how; the same plan and data give the same network."""

    name: str
    network: str = "cnn"
    epochs: int = 20
    batch_size: int = 128
    seed: int = 0
    quick: bool = False  # only slight variations, and nothing to learn to reject


class Batches(keras.utils.PyDataset):
    """The training images in random order, varied anew in every epoch, and drawings."""

    def __init__(self, images: Arrays, plan: Plan, epoch: int = 0):
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=16)
        self._images, self._plan = images, plan
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self._epoch = epoch
        rng = np.random.default_rng([self._plan.seed, epoch])
        passes = 1 if self._plan.quick else PASSES
        count = len(self._images.digits)
        self._order = np.concatenate([rng.permutation(count) for _ in range(passes)])
        self._fields = augment.displacements(rng)

    def on_epoch_end(self) -> None:
        self._start(self._epoch + 1)

    def __len__(self) -> int:
        return -(-len(self._order) // self._plan.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self._plan.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng([self._plan.seed, self._epoch, index])
        images = self._images.pixels[chosen]
        if self._plan.quick:
            return as_input(augment.nudge(images, rng)), self._images.digits[chosen]
        drawn, drawn_digits = augment.drawn_digits(size // DRAWN, self._fields, rng)
        others = augment.drawn_others(size // OTHERS, images, self._fields, rng)
        pixels = np.concatenate([augment.vary(images, self._fields, rng), drawn, others])
        digits = np.concatenate(
            [self._images.digits[chosen], drawn_digits, np.full(len(others), NOT_A_DIGIT)]
        )
        return as_input(pixels), digits


def as_input(pixels: np.ndarray) -> np.ndarray:
    """(n, 28, 28) uint8 as a network takes it, (n, 28, 28, 1) float32."""
    return pixels[..., np.newaxis].astype(np.float32)


class State(keras.callbacks.Callback):
    """Training's progress on disk after every epoch: the last network, the best one, the log."""

    def __init__(self, directory: Path, plan: Plan):
        super().__init__()
        self.directory, self.plan = directory, plan
        self.epochs: list[dict] = []

    @property
    def best(self) -> dict:
        """The epoch of least validation loss."""
        return min(self.epochs, key=lambda epoch: epoch["val_loss"])

    def begin(self, network: keras.Model) -> None:
        """Write the plan down, so that an interruption can be resumed from the first moment."""
        self.set_model(network)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._record()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epochs.append({"epoch": epoch + 1, **{key: float(logs[key]) for key in logs}})
        if self.best is self.epochs[-1]:
            self._replace("best.weights.h5", self.model.save_weights)
        self._replace("last.keras", self.model.save)
        self._record()

    def _record(self) -> None:
        record = {
            "plan": self.plan._asdict(),
            "epochs": self.epochs,
            "draws": draws(self.model),
        }
        self._replace("progress.json", lambda path: path.write_text(json.dumps(record)))

    def _replace(self, name: str, write) -> None:
        partial = self.directory / f"partial-{name}"
        write(partial)
        partial.replace(self.directory / name)

    def exists(self) -> bool:
        """Whether there is an interrupted training of this name."""
        return (self.directory / "progress.json").exists()

    def resume(self) -> keras.Model | None:
        """Read the state back; returns the network with its optimizer, None before an epoch.

        Raises FileNotFoundError when there is none, ValueError when the plan was another.
        """
        if not self.exists():
            raise FileNotFoundError(f"There is no interrupted training called {self.plan.name}.")
        record = json.loads((self.directory / "progress.json").read_text())
        if record["plan"] != self.plan._asdict():
            raise ValueError(f"The interrupted training had other options: {record['plan']}.")
        if not record["epochs"]:
            return None
        self.epochs = record["epochs"]
        network = keras.saving.load_model(self.directory / "last.keras")
        set_draws(network, record["draws"])
        return network


def draws(network: keras.Model) -> dict:
    """Where the random draws of a training stand that a .keras file does not hold.

    Keras shuffles the batches with Python's generator, and each dropout has its own.
    """
    return {
        "shuffle": random.getstate(),
        "dropout": [
            keras.ops.convert_to_numpy(state).tolist() for state in _dropout_states(network)
        ],
    }


def set_draws(network: keras.Model, record: dict) -> None:
    """Continue where `draws` stood."""
    version, state, gauss = record["shuffle"]
    random.setstate((version, tuple(state), gauss))
    for state, value in zip(_dropout_states(network), record["dropout"], strict=True):
        state.assign(value)


def _dropout_states(network: keras.Model) -> list[keras.Variable]:
    return [each for each in network.variables if each.path.endswith("seed_generator_state")]


def train(
    plan: Plan, data: tuple[Arrays, Arrays], directory: Path, resume: bool = False, verbose: int = 1
) -> checkpoint.Checkpoint:
    """Train a network on MNIST's training images and save the epoch that validated best.

    `data` are the training and the test images; the test images are only measured on, at the
    end. Raises FileExistsError when the name is taken, and what `State.resume` raises.
    """
    if checkpoint.exists(directory, plan.name):
        raise FileExistsError(f"There is a version called {plan.name} already.")
    keras.utils.set_random_seed(plan.seed)
    training, validation = split_validation(data[0], plan.seed)
    state = State(directory / f"{plan.name}.training", plan)
    if not resume and state.exists():
        raise FileExistsError(
            f"There is an interrupted training called {plan.name}. "
            "Go on with it by --resume, or choose another name."
        )
    network = state.resume() if resume else None
    network = network or compiled(plan, len(training.digits))
    state.begin(network)
    held = validation if plan.quick else with_variations(validation, plan.seed)
    done = len(state.epochs)
    network.fit(
        Batches(training, plan, done),
        initial_epoch=done,
        epochs=plan.epochs,
        validation_data=(as_input(held.pixels), held.digits),
        validation_batch_size=500,
        callbacks=[state],
        verbose=verbose,
    )
    network.load_weights(state.directory / "best.weights.h5")
    facts = describe(plan, network, state, held, data)
    saved = checkpoint.save(network, directory, plan.name, facts)
    shutil.rmtree(state.directory)
    return saved


def compiled(plan: Plan, images: int) -> keras.Model:
    """The untrained network of a plan, with its optimizer and its loss."""
    network = build(plan.network)
    passes = 1 if plan.quick else PASSES
    steps = plan.epochs * -(-images * passes // plan.batch_size)
    warmup = steps // 20
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=PEAK_RATE, warmup_steps=warmup
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network


def with_variations(images: Arrays, seed: int) -> Arrays:
    """The images and one variation of each, always the same ones."""
    rng = np.random.default_rng([seed, 2**32 - 1])
    varied = augment.vary(images.pixels, augment.displacements(rng), rng)
    return Arrays(np.concatenate([images.pixels, varied]), np.tile(images.digits, 2))


def describe(
    plan: Plan, network: keras.Model, state: State, held: Arrays, data: tuple[Arrays, Arrays]
) -> dict:
    """The facts kept beside a checkpoint: origin, calibration and figures."""
    logits = predict(network, held.pixels)
    temperature = calibrate.fit_temperature(logits, held.digits)
    certain_above, digit_above = calibrate.certain_thresholds(logits, held.digits, temperature)
    right = predict(network, data[1].pixels)[:, :10].argmax(axis=1) == data[1].digits
    return {
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **plan._asdict(),
        "parameters": network.count_params(),
        "images": len(data[0].digits),
        "data_sha256": hashlib.sha256(
            data[0].pixels.tobytes() + data[0].digits.tobytes()
        ).hexdigest(),
        "temperature": round(temperature, 4),
        "certain_above": round(certain_above, 4),
        "digit_above": round(digit_above, 4),
        "metrics": {
            "best_epoch": state.best["epoch"],
            "validation_accuracy": round(state.best["val_accuracy"], 5),
            "test_accuracy": round(float(right.mean()), 5),
            "epochs": state.epochs,
        },
        "libraries": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in LIBRARIES},
    }


def predict(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The logits of a Keras network for (n, 28, 28) uint8; (n, 11) float32."""
    return network.predict(as_input(pixels), batch_size=500, verbose=0)
