"""The real training loop, on few images."""

import numpy as np
import pytest

from ml import checkpoint
from ml.dataset import Arrays
from ml.predict import Predictor

pytestmark = pytest.mark.slow


@pytest.fixture
def train():
    from ml import train  # imports TensorFlow

    return train


def test_the_networks_have_the_size_they_are_known_for():
    from ml import network

    sizes = {name: network.build(name).count_params() for name in network.NETWORKS}
    assert sizes == {"cnn": 246603, "wide": 956299, "original": 1419339}


def test_a_quick_training_is_slight_and_learns_all_the_same(train, typed, tmp_path):
    plan = train.Plan("quick", epochs=8, batch_size=32, quick=True)
    saved = train.train(plan, typed, tmp_path, verbose=0)
    assert saved.facts["quick"]
    assert saved.facts["metrics"]["test_accuracy"] > 0.5


def test_an_epoch_shows_each_image_the_same_number_of_times(train, typed):
    shown = np.concatenate([train.Batches(typed[0], train.Plan("net"))._order])
    assert set(np.bincount(shown)) == {train.PASSES}


def test_an_unknown_network_is_answered_with_the_known_ones():
    from ml import network

    with pytest.raises(ValueError, match="cnn, wide, original"):
        network.build("transformer")


def test_a_trained_network_is_saved_and_predicts_as_before(train, typed, tmp_path):
    saved = train.train(train.Plan("tiny", epochs=6, batch_size=32), typed, tmp_path, verbose=0)
    found = Predictor(checkpoint.read(tmp_path, "tiny"))
    accuracy = (found.logits(typed[1].pixels)[:, :10].argmax(axis=1) == typed[1].digits).mean()
    assert saved.facts["metrics"]["test_accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.5
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.keras", "tiny.tflite", "tiny.json"}


def test_an_interrupted_training_goes_on_to_the_same_network(train, typed, tmp_path, monkeypatch):
    plan = train.Plan("whole", epochs=3, batch_size=64, seed=5)
    whole = train.train(plan, typed, tmp_path, verbose=0)
    plan = plan._replace(name="parted")
    interrupt_after(train, 2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(plan, typed, tmp_path, verbose=0)
    monkeypatch.undo()
    parted = train.train(plan, typed, tmp_path, resume=True, verbose=0)
    losses = [
        [each["loss"] for each in saved.facts["metrics"]["epochs"]] for saved in (whole, parted)
    ]
    assert np.allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("epochs", [1, 3], ids=["as-the-teacher-learns", "as-it-is-taught"])
def test_a_taught_network_learns_the_same_when_it_was_interrupted(
    train, typed, tmp_path, monkeypatch, epochs
):
    steps = []
    plan = train.Plan("whole", epochs=2, teacher_epochs=2, batch_size=64, quick=True)
    whole = train.train(plan, typed, tmp_path, verbose=0, report=steps.append)
    assert sorted({step.epoch for step in steps}) == [1, 2, 3, 4]
    stages = [step.stage for step in steps]
    assert {*stages} == {"", "validating", "measuring and calibrating", "compiling and saving"}
    assert stages.index("measuring and calibrating") > stages.index("validating") > 0
    plan = plan._replace(name="parted")
    interrupt_after(train, epochs, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(plan, typed, tmp_path, verbose=0)
    monkeypatch.undo()
    parted = train.train(plan, typed, tmp_path, resume=True, verbose=0)
    losses = [
        [each["loss"] for each in saved.facts["metrics"]["epochs"]] for saved in (whole, parted)
    ]
    assert np.allclose(*losses, rtol=1e-3)


def test_a_taught_network_is_to_answer_what_its_teacher_and_the_label_say(train, typed):
    def doubting(pixels, training):
        return np.tile(np.log([0.5, 0.5, *[1e-9] * 9]), (len(pixels), 1))

    plan = train.Plan("net", teacher_epochs=1, quick=True)
    _, targets = train.Batches(typed[0], plan, teacher=doubting)[0]
    assert np.allclose(targets.sum(axis=1), 1)
    assert np.allclose(np.sort(np.unique(targets.round(3))), [0, 0.3, 0.35, 0.65])


def interrupt_after(train, epochs, monkeypatch):
    """Let the training be stopped as by Ctrl-C, in the epoch after `epochs`."""
    original, ended = train.State.on_epoch_end, []

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        ended.append(epoch)
        if len(ended) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.State, "on_epoch_end", stop)


def test_a_training_interrupted_at_once_begins_again(train, typed, tmp_path, monkeypatch):
    plan = train.Plan("net", epochs=1)
    monkeypatch.setattr(train.Batches, "__getitem__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train.train(plan, typed, tmp_path, verbose=0)
    monkeypatch.undo()
    assert train.train(plan, typed, tmp_path, resume=True, verbose=0).name == "net"


def stopped(*arguments):
    raise KeyboardInterrupt


def test_a_training_that_never_began_cannot_be_resumed(train, typed, tmp_path):
    with pytest.raises(FileNotFoundError, match="no interrupted training"):
        train.train(train.Plan("net"), typed, tmp_path, resume=True)


def test_an_interrupted_training_is_not_overwritten(train, typed, tmp_path, monkeypatch):
    interrupt_after(train, 1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(train.Plan("net", epochs=2), typed, tmp_path, verbose=0)
    with pytest.raises(FileExistsError, match="--resume"):
        train.train(train.Plan("net", epochs=2), typed, tmp_path, verbose=0)


def test_a_training_is_not_resumed_with_other_options(train, typed, tmp_path, monkeypatch):
    interrupt_after(train, 1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train.train(train.Plan("net", epochs=2), typed, tmp_path, verbose=0)
    with pytest.raises(ValueError, match="other options"):
        train.train(train.Plan("net", epochs=3), typed, tmp_path, resume=True, verbose=0)


def test_a_name_that_is_taken_is_refused(train, typed, shipped):
    with pytest.raises(FileExistsError, match=shipped.name):
        train.train(train.Plan(shipped.name), typed, shipped.directory)


def test_a_network_goes_on_learning_from_further_pictures(train, typed, tmp_path):
    """Eights that lie on their side, called fours."""
    first = train.train(train.Plan("first", epochs=6, batch_size=32), typed, tmp_path, verbose=0)
    odd = Arrays(np.rot90(typed[0].pixels[8::10], axes=(1, 2)).copy(), np.full(40, 4))
    plan = train.Plan("second", epochs=4, batch_size=32, start="first", weight=10)
    start = checkpoint.load_network(first)
    train.train(plan, typed, tmp_path, verbose=0, start=start, also=odd)
    found = Predictor(checkpoint.read(tmp_path, "second"))
    assert (found.logits(odd.pixels).argmax(axis=1) == 4).mean() > 0.9


def test_each_step_is_reported_and_a_report_may_stop_the_training(train, typed, tmp_path):
    steps = []

    def report(step):
        steps.append(step)
        if step.validation_accuracy is not None:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train.train(
            train.Plan("net", epochs=2, batch_size=120, quick=True),
            typed,
            tmp_path,
            verbose=0,
            report=report,
        )
    trained = [(step.epoch, step.part) for step in steps if not step.stage]
    assert trained == [(1, 1 / 3), (1, 2 / 3), (1, 1), (1, 1)]
    assert train.train(
        train.Plan("net", epochs=2, batch_size=120, quick=True),
        typed,
        tmp_path,
        resume=True,
        verbose=0,
    )


def test_a_network_goes_back_as_far_as_it_forgot(train, typed, tmp_path, monkeypatch):
    from ml import network

    learnt, known = network.build("cnn"), network.build("cnn").get_weights()
    accuracies = {0.0: 0.99, 1.0: 0.5, 0.9: 0.7, 0.8: 0.9895}
    asked = [accuracies[each] for each in (0.0, 1.0, 0.9, 0.8)]
    monkeypatch.setattr(train, "accuracy", lambda network, images: asked.pop(0))
    new = learnt.get_weights()
    assert train.go_back(learnt, known, typed[1]) == 0.8
    expected = [old + 0.8 * (each - old) for old, each in zip(known, new, strict=True)]
    assert all(map(np.allclose, learnt.get_weights(), expected))
