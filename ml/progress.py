"""How far a training is: on disk, so that it can be resumed, and for those who watch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras


class Step(NamedTuple):
    """How far a training is: after each batch and each epoch, and what is done besides."""

    epoch: int  # from 1
    part: float  # of this epoch, 0-1
    loss: float | None  # None after the last epoch
    validation_accuracy: float | None = None  # at the end of an epoch
    stage: str = ""  # what is done between and after epochs; empty while training


class State(keras.callbacks.Callback):
    """Training's progress on disk after every epoch: the last network, the best one, the log."""

    def __init__(self, directory: Path, plan: NamedTuple):
        super().__init__()
        self.directory, self.plan = directory, plan
        self.epochs: list[dict] = []

    @property
    def best(self) -> dict:
        """The epoch of least validation loss; the last one of a network that went on learning.

        What it is to learn then is not in the validation images.
        """
        return (
            self.epochs[-1]
            if self.plan.start
            else min(self.epochs, key=lambda epoch: epoch["val_loss"])
        )

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


def draws(network: keras.Model) -> list:
    """Where each dropout's random draws stand, which a .keras file does not hold."""
    return [keras.ops.convert_to_numpy(state).tolist() for state in _dropout_states(network)]


def set_draws(network: keras.Model, record: list) -> None:
    """Continue where `draws` stood."""
    for state, value in zip(_dropout_states(network), record, strict=True):
        state.assign(value)


def _dropout_states(network: keras.Model) -> list[keras.Variable]:
    return [each for each in network.variables if each.path.endswith("seed_generator_state")]


class Reporter(keras.callbacks.Callback):
    """Calls `report` with each Step; what that raises ends the training, to be resumed.

    `before` counts the epochs of the same training that another network has learnt in.
    """

    def __init__(self, report: Callable[[Step], None], before: int = 0):
        super().__init__()
        self._report, self._before, self._epoch, self._loss = report, before, 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = self._before + epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        part, self._loss = (batch + 1) / self.params["steps"], float(logs["loss"])
        self._report(Step(self._epoch, part, self._loss))

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._report(Step(self._epoch, 1.0, self._loss, stage="validating"))

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.on_test_begin()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._report(Step(self._epoch, 1.0, float(logs["loss"]), float(logs["val_accuracy"])))
