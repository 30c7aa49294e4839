import os
import socket
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from classifier import registry, reviewed, runs, tasks, training
from classifier.models import TrainingRun
from classifier.runs import State

pytestmark = pytest.mark.django_db
DEAD_PID = 2**22  # above the kernel's largest


@pytest.fixture
def run():
    return training.begin("net")


def state_of(run):
    run.refresh_from_db()
    return run.state


def running(run, **fields):
    runs.claim(run)
    TrainingRun.objects.filter(pk=run.pk).update(**fields)


def test_there_is_one_open_run_at_a_time(run):
    with pytest.raises(runs.RunInProgress, match="Training of net is in progress"):
        training.begin("other")


def test_the_database_lets_no_second_run_be_open(run):
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(name="other", state=State.RUNNING)


def test_a_run_that_waits_is_cancelled_at_once(run):
    runs.cancel(run)
    assert state_of(run) == State.CANCELLED
    assert not runs.claim(run)
    assert training.begin("other")


def test_a_run_that_ended_stays_as_it_ended(run):
    runs.fail(run, "It went wrong.")
    runs.end(run, State.DONE)
    assert (state_of(run), run.reason) == (State.FAILED, "It went wrong.")


def test_a_run_whose_process_is_gone_has_failed(run):
    running(run, pid=DEAD_PID)
    runs.fail_lost()
    assert state_of(run) == State.FAILED
    assert f"{DEAD_PID} on {socket.gethostname()}, is gone" in run.reason


def test_a_run_elsewhere_has_failed_when_nothing_is_heard_of_it(run):
    running(run, host="elsewhere", pid=DEAD_PID)
    runs.fail_lost()
    assert state_of(run) == State.RUNNING
    running(run, host="elsewhere", heard_at=timezone.now() - timedelta(minutes=2))
    runs.fail_lost()
    assert state_of(run) == State.FAILED


def test_a_run_whose_worker_died_before_it_began_has_failed(run):
    old = timezone.now() - timedelta(minutes=2)
    TrainingRun.objects.filter(pk=run.pk).update(created_at=old, task_id="no such task")
    runs.fail_lost()
    assert state_of(run) == State.FAILED


def test_a_run_that_still_waits_for_a_worker_is_left_alone(run, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        tasks.send(run)
    TrainingRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(minutes=2))
    runs.fail_lost()
    assert state_of(run) == State.WAITING


def test_only_a_run_that_failed_or_was_cancelled_is_resumed(run):
    with pytest.raises(runs.NotResumable, match="waiting for a worker"):
        runs.reopen(run)
    runs.fail(run, "It went wrong.")
    assert runs.reopen(run).plan["resume"]
    assert (state_of(run), run.reason) == (State.WAITING, "")


def test_a_run_is_not_resumed_beside_another(run):
    runs.fail(run, "It went wrong.")
    training.begin("other")
    with pytest.raises(runs.RunInProgress):
        runs.reopen(run)


def test_a_process_that_waits_to_be_collected_is_not_alive():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not runs._is_alive(pid)
    os.waitpid(pid, 0)


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
