"""A checkpoint put to work: pictures to guesses."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from . import calibrate, checkpoint, second_look
from .checkpoint import Checkpoint
from .header import InvalidImage
from .preprocess import Prepared, Show, attempt, prepare
from .readings import FIRST

ENGINES = ("litert", "keras")
SEVERAL_DIGITS = "several_digits"  # told by the preparation, not by the network
REASONS = ("low_confidence", "not_a_digit", SEVERAL_DIGITS)
Lap = Callable[[str], object]  # told the name of each stage as it ends
DOUBT = 3.3  # logits above `digit_above`: below that, other readings of a picture are tried
PREFERENCE = 3.0  # logits by which another reading must look more like a digit than the first
SURE = 3.3  # logits above `digit_above` that another reading takes to be certain
BULK = 64  # images in one call of the network, when there are many


class Guess(NamedTuple):
    """What a network says of one picture."""

    digit: int
    confidence: float  # calibrated, 0-1
    probabilities: np.ndarray  # (10,) float32, sums to 1
    reason: str  # why it is uncertain, one of REASONS; empty when it is certain
    pixels: np.ndarray  # (28, 28) uint8, as the network saw it
    version: str
    format: str = ""  # of the file, one of header.FORMATS; empty: there was none

    @property
    def status(self) -> str:
        """ "certain" or "uncertain"."""
        return "uncertain" if self.reason else "certain"


class Predictor:
    """A trained network, ready to be asked from any number of threads.

    `engine` is "litert", which serves, or "keras", which imports TensorFlow and answers the
    same. A checkpoint without a compiled network is run by Keras. Raises DamagedCheckpoint.
    """

    def __init__(self, source: Checkpoint, engine: str = "litert"):
        if engine not in ENGINES:
            raise ValueError(f"Expected an engine of {', '.join(ENGINES)}, received {engine}.")
        self.version = source.name
        self.temperature = source.facts["temperature"]
        self.certain_above = source.facts["certain_above"]
        self.digit_above = source.facts["digit_above"]
        self.doubtful_below = source.facts.get("doubtful_below", 0.0)  # older ones look once
        compiled = checkpoint.load_compiled(source) if engine == "litert" else None
        self._run = LiteRT(compiled) if compiled else Keras(source)

    def read(self, upload: bytes, lap: Lap = lambda stage: None) -> Guess:
        """Read the digit in a picture, given as the bytes of its file. Raises InvalidImage.

        The stages are decode, prepare and network.
        """
        prepared = prepare(upload, lambda step, pixels: step == "decoded" and lap("decode"))
        lap("prepare")
        (guess,) = self.guess([prepared])
        lap("network")
        return guess

    def read_many(self, uploads: Iterable[bytes]) -> list[Guess | InvalidImage]:
        """Read several pictures at once; a refusal stands where its guess would."""
        outcomes = [attempt(upload) for upload in uploads]
        guesses = iter(self.guess([each for each in outcomes if isinstance(each, Prepared)]))
        return [next(guesses) if isinstance(each, Prepared) else each for each in outcomes]

    def warm_up(self) -> None:
        """Answer once, so that the first real question finds everything allocated."""
        nothing = np.zeros((28, 28), np.uint8)
        self.first_look(nothing[np.newaxis])
        self.first_look(second_look.framed(nothing))

    def guess(self, pictures: Sequence[Prepared]) -> list[Guess]:
        """One guess for each picture."""
        if not pictures:
            return []
        logits = self.logits(np.array([picture.pixels for picture in pictures]))
        pictures, logits = self._choose_readings(pictures, logits)
        probabilities = calibrate.digit_probabilities(logits, self.temperature)
        digits = probabilities.argmax(axis=1).tolist()
        confidences = [
            float(each[digit]) for digit, each in zip(digits, probabilities, strict=True)
        ]
        evidence = calibrate.digitness(logits).tolist()
        columns = digits, confidences, probabilities, evidence, pictures
        return [
            Guess(
                digit,
                confidence,
                each,
                self._why_uncertain(picture, confidence, digitness),
                picture.pixels,
                self.version,
                picture.format,
            )
            for digit, confidence, each, digitness, picture in zip(*columns, strict=True)
        ]

    def prepare(self, upload: bytes, show: Show) -> Prepared:
        """Prepare a picture in the reading that `read` chooses. Raises InvalidImage.

        `show` receives each step's name and result, as in `preprocess.prepare`.
        """
        prepared = prepare(upload)
        (chosen,), _ = self._choose_readings([prepared], self.logits(prepared.pixels[np.newaxis]))
        return prepare(upload, show, chosen.reading)

    def _choose_readings(
        self, pictures: Sequence[Prepared], logits: np.ndarray
    ) -> tuple[list[Prepared], np.ndarray]:
        """Take another reading of a picture where it looks more like a digit than the first.

        Takes and returns the pictures and their (n, 11) logits. A picture whose first reading is
        a digit beyond doubt keeps it, and its others are not made.
        """
        pictures, logits = list(pictures), logits.copy()
        evidence = calibrate.digitness(logits)
        for index in np.flatnonzero(evidence < self.digit_above + DOUBT):
            others = list(pictures[index].others())
            if not others:
                continue
            answers = self.first_look(np.array([other.pixels for other in others]))
            best = int(calibrate.digitness(answers).argmax())
            if calibrate.digitness(answers)[best] > evidence[index] + PREFERENCE:
                pictures[index] = others[best]
                logits[index] = self.logits(others[best].pixels[np.newaxis])[0]
        return pictures, logits

    def _why_uncertain(self, picture: Prepared, confidence: float, evidence: float) -> str:
        if picture.several:
            return SEVERAL_DIGITS
        doubtful = picture.reading != FIRST and evidence < self.digit_above + SURE
        return self._reason(confidence, evidence) or ("low_confidence" if doubtful else "")

    def reasons(self, logits: np.ndarray) -> list[str]:
        """Why answers with these (n, 11) logits are uncertain; empty where they are certain."""
        probabilities = calibrate.digit_probabilities(logits, self.temperature)
        return self._reasons(logits, probabilities.max(axis=1).tolist())

    def _reasons(self, logits: np.ndarray, confidences: Sequence[float]) -> list[str]:
        evidence = calibrate.digitness(logits).tolist()
        return [self._reason(*each) for each in zip(confidences, evidence, strict=True)]

    def _reason(self, confidence: float, evidence: float) -> str:
        if evidence < self.digit_above:
            return "not_a_digit"
        return "" if confidence >= self.certain_above else "low_confidence"

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Calibrated probabilities for (n, 28, 28) uint8; returns (n, 10) float32."""
        return calibrate.digit_probabilities(self.logits(pixels), self.temperature)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """What answers to (n, 28, 28) uint8 rest on; returns (n, 11) float32.

        Asks the network, and once more about nearby framings where it is in doubt.
        """
        return second_look.look(self.first_look, pixels, self.doubtful_below)

    def first_look(self, pixels: np.ndarray) -> np.ndarray:
        """Ask the network about (n, 28, 28) uint8, once; returns (n, 11) float32."""
        parts = [pixels[start : start + BULK] for start in range(0, len(pixels), BULK)]
        answers = [self._run(part[..., np.newaxis].astype(np.float32)) for part in parts]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)


class LiteRT:
    """A compiled network. An interpreter fails when threads share it, so each has its own."""

    def __init__(self, compiled: bytes):
        self._compiled = compiled
        self._thread = threading.local()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        interpreter, source, target = self._interpreter(len(batch))
        interpreter.set_tensor(source, batch)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    def _interpreter(self, size: int) -> tuple:
        """The thread's interpreter for a batch of this size: one for 1, one for all others."""
        kept = self._thread.__dict__.setdefault("interpreters", {})
        key = min(size, 2)
        if key not in kept:
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_content=self._compiled, num_threads=1)
            source = interpreter.get_input_details()[0]["index"]
            target = interpreter.get_output_details()[0]["index"]
            kept[key] = [0, (interpreter, source, target)]
        allocated, (interpreter, source, target) = kept[key]
        if allocated != size:
            interpreter.resize_tensor_input(source, (size, 28, 28, 1))
            interpreter.allocate_tensors()
            kept[key][0] = size
        return interpreter, source, target


class Keras:
    """The Keras network itself; the slower way to the same answers."""

    def __init__(self, source: Checkpoint):
        self._network = checkpoint.load_network(source)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(self._network(batch, training=False))
