"""Executing a run: real networks, few images."""

from hashlib import sha256

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from classifier import jobs, registry, reviewed, runs, training
from ml.picture import as_png

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def few(tmp_path):
    """A file of 300 training and 300 test images."""
    rng = np.random.default_rng(0)
    pixels, digits = rng.integers(0, 255, (300, 28, 28), np.uint8), np.arange(300) % 10
    path = tmp_path / "few.npz"
    np.savez(path, x_train=pixels, y_train=digits, x_test=pixels, y_test=digits)
    return path


@pytest.fixture
def uploads(monkeypatch):
    """Thirty bars that lean more and more, reviewed as ones."""
    found = []
    for number in range(30):
        pixels = np.full((60, 60), 255, np.uint8)
        for row in range(10, 50):
            left = 25 + row * number // 120
            pixels[row, left : left + 6] = 0
        picture = as_png(pixels)
        path = default_storage.save(f"uploads/{number}.png", ContentFile(picture))
        found.append(reviewed.Reviewed(path, 1, sha256(picture).digest()))
    monkeypatch.setattr(reviewed, "reviewed_uploads", lambda: found)
    return found


def test_corrections_are_learnt_and_those_held_out_are_asked(few, uploads):
    first = training.execute(training.begin("first", epochs=1, data=str(few)))
    run = training.begin("second", start="first", corrections=True, epochs=1, data=str(few))
    second = training.execute(run)
    run.refresh_from_db()
    held = len(reviewed.held_out(100))
    assert f"Learning from {30 - held} reviewed uploads" in run.log
    assert [each["images"] for each in second.gate["sets"]] == [300, held]
    assert (second.parent, second.training_run, run.state) == (first, run, "done")
    assert second.facts["start"] == "first"
    with default_storage.open(registry.report_path(second)) as report:
        assert b"held-out reviewed uploads" in report.read()


@pytest.mark.parametrize("step", ["_register", "_judge"])
def test_a_run_that_was_cut_short_after_its_training_does_not_train_again(few, monkeypatch, step):
    run = training.begin("net", epochs=1, data=str(few))
    with monkeypatch.context() as cut:
        cut.setattr(training, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.execute(run)
    monkeypatch.setattr("ml.train.train", None)
    version = training.execute(runs.resume(run))
    assert (version.name, version.training_run) == ("net", run)
    assert version.gate["sets"]
    assert not [*registry.training_directory().iterdir()]


def interrupted(*arguments):
    raise KeyboardInterrupt


def test_what_goes_wrong_is_the_reason_of_the_run(tmp_path):
    run = training.begin("net", data=str(tmp_path / "nowhere.npz"))
    with pytest.raises(FileNotFoundError):
        training.execute(run)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "nowhere.npz" in run.reason


def test_a_run_that_failed_for_want_of_a_setting_is_resumed_once_it_is_there(
    few, settings, tmp_path
):
    settings.MNIST_DATA = str(tmp_path / "nowhere.npz")
    run = training.begin("net", epochs=1, network="original")
    with pytest.raises(FileNotFoundError):
        training.execute(run)
    settings.MNIST_DATA = str(few)
    assert training.execute(runs.resume(run)).name == "net"


def test_a_training_says_what_it_does_and_what_it_repeats(few, monkeypatch, capsys):
    run = training.begin("net", epochs=2, network="original", data=str(few))
    with monkeypatch.context() as cut:
        cut.setattr("ml.train.Batches.__getitem__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.execute(run)
    capsys.readouterr()
    training.execute(runs.resume(run), verbose=2)
    said = capsys.readouterr().out
    run.refresh_from_db()
    lines = [
        "Loading MNIST.",
        "Resumed: no epoch was finished, epoch 1 is repeated from its beginning.",
        "Measuring and calibrating.",
        "Compiling and saving.",
        "Comparing the new version with the active one.",
        "Writing the report.",
    ]
    assert [line for line in said.splitlines() if line in lines] == lines
    assert all(line in run.log for line in lines)


def test_a_cancelled_run_is_not_an_error(few, monkeypatch):
    run = training.begin("net", epochs=50, data=str(few))
    monkeypatch.setattr(runs.Watch, "stop_if_cancelled", lambda watch: cancel(watch.run))
    assert training.execute(run) is None
    run.refresh_from_db()
    assert (run.state, run.reason) == ("cancelled", "Cancelled.")


def cancel(run):
    jobs.cancel(run, "Cancelled.")
    raise jobs.Superseded


def test_the_first_version_of_a_site_without_any_answers_at_once(few, settings, tmp_path):
    settings.BASE_DIR = tmp_path  # with nothing in ml/weights
    version = training.execute(training.begin("first", epochs=1, data=str(few)))
    assert registry.active() == version
