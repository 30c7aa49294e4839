import itertools
import json
from typing import NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from classifier import jobs, registry, reviewed, runs, tasks, training
from classifier.jobs import State
from classifier.models import TrainingRun

pytestmark = pytest.mark.django_db


class Step(NamedTuple):
    """As ml.progress.Step, which takes seconds to import."""

    epoch: int
    part: float
    loss: float | None
    validation_accuracy: float | None = None
    stage: str = ""


@pytest.fixture
def run():
    return training.begin("net")


def test_there_is_one_open_run_at_a_time(run):
    with pytest.raises(runs.RunInProgress, match="Training of net is in progress"):
        training.begin("other")


def test_the_database_lets_no_second_run_be_open(run):
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(name="other", state=State.RUNNING)


def test_another_run_may_begin_once_one_is_cancelled(run):
    jobs.cancel(run)
    assert training.begin("other")


def test_another_run_may_begin_when_the_process_of_one_is_gone(run):
    assert jobs.claim(run)
    TrainingRun.objects.update(last_heartbeat_at="2026-01-01T00:00Z")
    assert training.begin("other")
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_a_run_is_resumed_with_what_it_has(run):
    jobs.fail(run, "It went wrong.")
    assert runs.resume(run).plan["resume"]


def test_a_run_keeps_the_file_it_was_given_and_no_setting(run, settings):
    settings.MNIST_DATA = "of then.npz"
    assert run.plan["data"] == ""
    jobs.fail(run, "It went wrong.")
    assert runs.resume(run, "given.npz").plan["data"] == "given.npz"
    jobs.fail(run, "It went wrong.")
    assert runs.resume(run).plan["data"] == "given.npz"


def test_a_training_reads_env_anew(run, settings, monkeypatch):
    monkeypatch.setenv("MNIST_DATA", "of the worker's start.npz")
    monkeypatch.setenv("MNIST_ENGINE", "keras")
    settings.MNIST_ENVIRONMENT_FROM_FILE = {"MNIST_DATA"}
    started = []
    monkeypatch.setattr(
        tasks.subprocess, "Popen", lambda *args, **options: started.append(options) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        tasks.train.call(run.pk)
    assert "MNIST_DATA" not in started[0]["env"]
    assert started[0]["env"]["MNIST_ENGINE"] == "keras"


def test_a_run_is_not_resumed_beside_another(run):
    jobs.fail(run, "It went wrong.")
    training.begin("other")
    with pytest.raises(runs.RunInProgress):
        runs.resume(run)


def test_learning_from_corrections_starts_from_the_active_version(monkeypatch):
    monkeypatch.setattr(reviewed, "reviewed_uploads", lambda: [reviewed.Reviewed("a.png", 7, b"")])
    run = training.begin(corrections=True)
    assert run.start == registry.active()
    assert run.plan["epochs"] == training.EPOCHS_MORE


def test_learning_from_corrections_takes_some():
    with pytest.raises(ValueError, match="no reviewed uploads"):
        training.begin(corrections=True)


@pytest.mark.parametrize(
    "options", [{"network": "transformer"}, {"epochs": -1}, {"name": "../net"}, {"weight": 0}]
)
def test_a_bad_option_is_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        training.begin(**options)


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds pass from one look at the clock to the next."""
    monkeypatch.setattr(runs.time, "monotonic", itertools.count(100.0, 10.0).__next__)


def test_seconds_left_are_told_from_what_the_part_done_took(clock):
    eta = runs.Eta()
    assert eta(0.5) is None
    assert eta(0.6) == 40
    assert eta(1.0) is None  # never "0:00 left"


def test_progress_shows_what_is_done_between_and_after_epochs(run, clock):
    watch = runs.Watch(run)
    report = runs.reporter(run, watch)
    epochs = runs.epochs_of(run)
    for part in (0.5, 0.9):
        report(Step(1, part, 0.5))
    assert (watch.progress["stage"], watch.progress["seconds_left"] > 0) == ("", True)
    report(Step(epochs, 1.0, 0.4, stage="validating"))
    assert (watch.progress["stage"], watch.progress["seconds_left"]) == ("validating", None)
    report(Step(epochs, 1.0, 0.4, 0.98))
    report(Step(epochs, 1.0, None, stage="compiling and saving"))
    shown = {key: watch.progress[key] for key in ("epoch", "loss", "seconds_left", "stage")}
    assert shown == {
        "epoch": epochs,
        "loss": 0.4,
        "seconds_left": None,
        "stage": "compiling and saving",
    }
    assert watch.lines[-1].endswith("Compiling and saving.")


def test_a_cancelled_training_ends_while_it_validates(run):
    watch = runs.Watch(run)
    watch.cancelled.set()
    with pytest.raises(jobs.Superseded):
        runs.reporter(run, watch)(Step(1, 1.0, 0.5, stage="validating"))


@pytest.mark.parametrize(
    ("own", "teachers", "words"),
    [
        (None, None, "no epoch was finished, epoch 1 is repeated from its beginning"),
        (0, 0, "no epoch was finished, epoch 1 is repeated from its beginning"),
        (0, 3, "3 of 30 epochs are kept, epoch 4 is repeated from its beginning"),
        (5, 10, "15 of 30 epochs are kept, epoch 16 is repeated from its beginning"),
        (20, 10, "all 30 epochs are kept, what follows them is repeated"),
    ],
)
def test_what_a_resumed_training_repeats_is_said(run, own, teachers, words):
    path = runs.state_path(run)
    (path.parent / "teacher").mkdir(parents=True)
    for place, epochs in ((path, own), (path.parent / "teacher" / path.name, teachers)):
        if epochs is not None:
            place.write_text(json.dumps({"epochs": [{}] * epochs}))
    assert runs.what_is_repeated(run) == words


def test_ctrl_c_says_what_is_repeated(run, monkeypatch):
    def interrupt(run, **options):
        raise KeyboardInterrupt

    jobs.cancel(run)
    monkeypatch.setattr(training, "execute", interrupt)
    with pytest.raises(CommandError) as caught:
        call_command("train_model", "--filename", "net", "--resume")
    assert "--filename net --resume" in str(caught.value)
    assert "no epoch was finished, epoch 1 is repeated" in str(caught.value)


def test_ctrl_c_before_a_training_began_is_no_stack_trace(monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "begin", interrupt)
    with pytest.raises(CommandError, match="before the training began"):
        call_command("train_model")
