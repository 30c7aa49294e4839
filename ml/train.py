"""Data and a network to a checkpoint."""

import datetime
import hashlib
import platform
import shutil
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from . import augment, calibrate, checkpoint, second_look
from .calibrate import NOT_A_DIGIT
from .dataset import Arrays, split_validation
from .network import OUTPUTS, build
from .progress import Reporter, State, Step

PASSES = 3  # how often an epoch shows each training image, varied anew each time
DRAWN = 8  # for so many of MNIST's images, one digit drawn by us ...
OTHERS = 6  # ... and for so many, one picture of something else
TAUGHT = 0.7  # of what is learnt from a picture comes from the teacher, the rest from its label
WAYS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # from the weights at the start of a further training
FORGETTING = 0.001  # of the accuracy on held-out images that it may cost to learn something new
PEAK_RATE = 2e-3  # learning rate of Adam after the warm-up; falls to 0 along a cosine
LIBRARIES = ("keras", "tensorflow", "numpy", "opencv-python-headless", "ai-edge-litert")


class Plan(NamedTuple):
    """What to train, and how; the same plan and data give the same network."""

    name: str
    network: str = "cnn"
    epochs: int = 20
    teacher_epochs: int = 0  # of a wide network that is trained first, and then taught from
    batch_size: int = 128
    seed: int = 0
    quick: bool = False  # only slight variations, and nothing to learn to reject
    start: str = ""  # the checkpoint whose network goes on learning; none: random weights
    peak_rate: float = PEAK_RATE
    weight: int = 1  # for how many of MNIST's images each of the further pictures counts

    @property
    def passes(self) -> int:
        """How often an epoch shows each image; less where only little is to be learnt."""
        return 1 if self.quick or self.start else PASSES


class Batches(keras.utils.PyDataset):
    """The training images in random order, varied anew in every epoch, drawings, and `also`."""

    def __init__(
        self,
        images: Arrays,
        plan: Plan,
        epoch: int = 0,
        also: Arrays | None = None,
        teacher: keras.Model | None = None,
    ):
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=16)
        self._images, self._plan, self._also, self._teacher = images, plan, also, teacher
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self._epoch = epoch
        rng = np.random.default_rng([self._plan.seed, epoch])
        count = len(self._images.digits)
        self._order = np.concatenate([rng.permutation(count) for _ in range(self._plan.passes)])
        self._fields = augment.displacements(rng)

    def on_epoch_end(self) -> None:
        self._start(self._epoch + 1)

    def __len__(self) -> int:
        return -(-len(self._order) // self._plan.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size = self._plan.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng([self._plan.seed, self._epoch, index])
        shown = Arrays(self._images.pixels[chosen], self._images.digits[chosen])
        parts = [self._nudged(shown, rng)] if self._plan.quick else self._varied(shown, rng)
        if self._also:
            parts.append(self._further(rng))
        pixels, digits = (np.concatenate(each) for each in zip(*parts, strict=True))
        return as_input(pixels), self._targets(as_input(pixels), digits)

    def _targets(self, pixels: np.ndarray, digits: np.ndarray) -> np.ndarray:
        """What the network is to answer, (n, OUTPUTS) probabilities.

        A teacher doubts where a variation has become hard to read; a label never does
        (Hinton, Vinyals and Dean 2015).
        """
        labels = as_target(digits)
        if self._teacher is None:
            return labels
        logits = keras.ops.convert_to_numpy(self._teacher(pixels, training=False))
        return TAUGHT * calibrate.softmax(logits) + (1 - TAUGHT) * labels

    def _nudged(self, images: Arrays, rng: np.random.Generator) -> Arrays:
        return Arrays(augment.nudge(images.pixels, rng), images.digits)

    def _varied(self, images: Arrays, rng: np.random.Generator) -> list[Arrays]:
        """MNIST's images, drawn digits, and what is not a digit."""
        size = self._plan.batch_size
        drawn = augment.drawn_digits(size // DRAWN, self._fields, rng)
        others = augment.drawn_others(size // OTHERS, images.pixels, self._fields, rng)
        varied = augment.vary(images.pixels, self._fields, rng)
        return [
            Arrays(varied, images.digits),
            Arrays(*drawn),
            Arrays(others, np.full(len(others), NOT_A_DIGIT)),
        ]

    def _further(self, rng: np.random.Generator) -> Arrays:
        """Some of `also`, varied: by their weight, but never more than half of MNIST's."""
        wanted = self._plan.weight * len(self._also.digits) / len(self)
        count = int(np.clip(round(wanted), 1, self._plan.batch_size // 2))
        chosen = rng.integers(len(self._also.digits), size=count)
        return Arrays(
            augment.vary(self._also.pixels[chosen], self._fields, rng), self._also.digits[chosen]
        )


def as_input(pixels: np.ndarray) -> np.ndarray:
    """(n, 28, 28) uint8 as a network takes it, (n, 28, 28, 1) float32."""
    return pixels[..., np.newaxis].astype(np.float32)


def as_target(digits: np.ndarray) -> np.ndarray:
    """(n,) labels as probabilities without a doubt, (n, OUTPUTS) float32."""
    return np.eye(OUTPUTS, dtype=np.float32)[digits]


def train(
    plan: Plan,
    data: tuple[Arrays, Arrays],
    directory: Path,
    resume: bool = False,
    verbose: int = 1,
    *,
    start: keras.Model | None = None,
    also: Arrays | None = None,
    report: Callable[[Step], None] | None = None,
) -> checkpoint.Checkpoint:
    """Train a network on MNIST's training images and save the epoch that validated best.

    `data` are the training and the test images; the test images are only measured on, at the
    end. `start` is the network that `plan.start` names, `also` further pictures (n, 28, 28) of
    0-9 or NOT_A_DIGIT, varied and weighted. Raises FileExistsError when the name is taken, and
    what `State.resume` raises.
    """
    state = State(directory / f"{plan.name}.training", plan)
    refuse_taken(state, directory, resume)
    training, validation = split_validation(data[0], plan.seed)
    held = validation if plan.quick else with_variations(validation, plan.seed)
    known = start.get_weights() if start else None
    keras.utils.set_random_seed(plan.seed)
    network = (resume and state.resume()) or compiled(plan, len(training.digits), start)
    state.begin(network)
    watch = {"report": report, "verbose": verbose}
    teacher = train_teacher(state, training, held, **watch) if plan.teacher_epochs else None
    batches = Batches(training, plan, len(state.epochs), also, teacher)
    fit(network, state, batches, held, **watch)
    enter = partial(announce, report, plan)
    enter("measuring and calibrating")
    if known:
        go_back(network, known, held)
    facts = describe(plan, network, state, held, data)
    enter("compiling and saving")
    saved = checkpoint.save(network, directory, plan.name, facts)
    shutil.rmtree(state.directory)
    return saved


def announce(report: Callable[[Step], None] | None, plan: Plan, stage: str) -> None:
    """Report what is done after the last epoch."""
    if report:
        report(Step(plan.teacher_epochs + plan.epochs, 1.0, None, stage=stage))


def train_teacher(student: State, training: Arrays, held: Arrays, **watch) -> keras.Model:
    """Train a wide network on the same images; goes on where it was interrupted."""
    plan = student.plan._replace(
        network="wide",
        epochs=student.plan.teacher_epochs,
        teacher_epochs=0,
        seed=student.plan.seed + 1,  # its variations are not those that it will be asked about
    )
    state = State(student.directory / "teacher", plan)
    network = state.resume() if state.exists() else None
    network = network or compiled(plan, len(training.digits))
    state.begin(network)
    fit(network, state, Batches(training, plan, len(state.epochs)), held, **watch)
    return network


def fit(
    network: keras.Model,
    state: State,
    batches: Batches,
    held: Arrays,
    report: Callable[[Step], None] | None = None,
    verbose: int = 1,
) -> None:
    """Train until the plan's epochs are done; leaves the weights that validated best."""
    plan = state.plan
    network.fit(
        batches,
        initial_epoch=len(state.epochs),
        epochs=plan.epochs,
        validation_data=(as_input(held.pixels), as_target(held.digits)),
        validation_batch_size=500,
        shuffle=False,  # the batches are random already, and the same when a training is resumed
        callbacks=[state, *([Reporter(report, plan.teacher_epochs)] if report else [])],
        verbose=verbose,
    )
    network.load_weights(state.directory / "best.weights.h5")


def refuse_taken(state: State, directory: Path, resume: bool) -> None:
    """Raise FileExistsError where a training would overwrite another one."""
    name = state.plan.name
    if checkpoint.exists(directory, name):
        raise FileExistsError(f"There is a version called {name} already.")
    if not resume and state.exists():
        raise FileExistsError(
            f"There is an interrupted training called {name}. "
            "Go on with it by --resume, or choose another name."
        )


def go_back(network: keras.Model, known: list[np.ndarray], held: Arrays) -> float:
    """Go back towards the weights that a training started from until little is forgotten.

    Weights between the two forget less of what was known than they lose of what is new
    (Wortsman et al. 2022). Returns how far from `known` the network stays, one of WAYS.
    """
    learnt = network.get_weights()
    network.set_weights(known)
    wanted = accuracy(network, held) - FORGETTING
    for way in WAYS:
        between = [old + way * (new - old) for old, new in zip(known, learnt, strict=True)]
        network.set_weights(between)
        if accuracy(network, held) >= wanted:
            break
    return way


def accuracy(network: keras.Model, images: Arrays) -> float:
    """The part of the images that is read rightly."""
    guessed = predict(network, images.pixels)[:, :10].argmax(axis=1)
    return float((guessed == images.digits).mean())


def compiled(plan: Plan, images: int, start: keras.Model | None = None) -> keras.Model:
    """The network of a plan, untrained or `start`, with its optimizer and its loss."""
    network = start or build(plan.network)
    if network.output_shape[-1] != OUTPUTS:
        raise ValueError(f"Expected {OUTPUTS} outputs of {plan.start}: train from random weights.")
    steps = plan.epochs * -(-images * plan.passes // plan.batch_size)
    warmup = steps // 20
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=plan.peak_rate, warmup_steps=warmup
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        keras.losses.CategoricalCrossentropy(from_logits=True),
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
    logits = predict_twice(network, held.pixels)
    temperature = calibrate.fit_temperature(logits, held.digits)
    certain_above, digit_above = calibrate.certain_thresholds(logits, held.digits, temperature)
    right = predict_twice(network, data[1].pixels)[:, :10].argmax(axis=1) == data[1].digits
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
        "doubtful_below": second_look.BELOW,
        "metrics": {
            "best_epoch": state.best["epoch"],
            "validation_accuracy": round(state.best["val_accuracy"], 5),
            "test_accuracy": round(float(right.mean()), 5),
            "test_images": len(right),
            "test_mistakes": np.flatnonzero(~right).tolist(),  # to compare versions image by image
            "epochs": state.epochs,
        },
        "libraries": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in LIBRARIES},
    }


def predict(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The logits of a Keras network for (n, 28, 28) uint8; (n, 11) float32."""
    return network.predict(as_input(pixels), batch_size=500, verbose=0)


def predict_twice(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The same with a second look at doubtful ones, as a server answers."""
    return second_look.look(partial(predict, network), pixels)
