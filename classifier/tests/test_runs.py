import pytest
from django.db import IntegrityError, transaction

from classifier import jobs, registry, reviewed, runs, tasks, training
from classifier.jobs import State
from classifier.models import TrainingRun

pytestmark = pytest.mark.django_db


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


def test_seconds_left_are_told_from_what_the_part_done_took(monkeypatch):
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(clock))
    eta = runs.Eta()
    assert eta(0.5) is None
    assert eta(0.6) == 40
