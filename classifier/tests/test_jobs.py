"""Batches, replays and trainings as jobs: one mechanism, so each test runs for each kind."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from classifier import batches, jobs, replay, tasks, training
from classifier.jobs import State
from classifier.models import Job

from .archives import packed

pytestmark = pytest.mark.django_db
DEAD_PID = 2**22  # above the kernel's largest
LONG_AGO = timedelta(minutes=2)


@pytest.fixture(params=["batch", "replay", "training"])
def job(request, version, sample, admin_user):
    """A job that waits."""
    match request.param:
        case "batch":
            return batches.begin(packed({"7.png": sample("7_paint.png")}), started_by=admin_user)
        case "replay":
            return replay.begin(version("other"), {}, admin_user)
    return training.begin("net", by=admin_user)


def write(job, **fields):
    """Change the row behind the back of those who have read it."""
    type(job).objects.filter(pk=job.pk).update(**fields)


def state_of(job):
    job.refresh_from_db()
    return job.state


def ago(**since):
    return timezone.now() - timedelta(**since)


# Claiming, heartbeats, the end


def test_every_kind_of_job_is_tested(job):
    assert {each.__name__ for each in Job.__subclasses__()} == {"Batch", "Replay", "TrainingRun"}


def test_one_process_claims_a_job(job):
    assert jobs.claim(job)
    assert (job.state, job.pid) == (State.RUNNING, os.getpid())
    assert not jobs.claim(type(job).objects.get())


def test_a_heartbeat_is_noted_with_the_progress(job):
    jobs.claim(job)
    write(job, last_heartbeat_at=ago(seconds=9))
    jobs.heartbeat(job, reason="so far")
    job.refresh_from_db()
    assert job.last_heartbeat_at > ago(seconds=8)
    assert job.reason == "so far"


def test_a_job_that_ended_stays_as_it_ended(job):
    jobs.claim(job)
    jobs.fail(job, "It went wrong.")
    with pytest.raises(jobs.Superseded):
        jobs.finish(job)
    assert (state_of(job), job.reason) == (State.FAILED, "It went wrong.")


def test_a_job_that_waits_is_cancelled_and_not_begun(job):
    assert jobs.cancel(job)
    assert state_of(job) == State.CANCELLED
    assert not jobs.claim(job)


def test_the_process_of_a_cancelled_job_is_told(job):
    jobs.claim(job)
    assert jobs.is_current(job)
    jobs.cancel(job)
    assert not jobs.is_current(job)
    with pytest.raises(jobs.Superseded):
        jobs.heartbeat(job)


def test_a_job_that_is_done_is_not_cancelled(job):
    jobs.claim(job)
    jobs.finish(job)
    assert not jobs.cancel(job)
    assert state_of(job) == State.DONE


def test_a_job_that_did_not_end_early_is_not_resumed(job):
    with pytest.raises(jobs.NotResumable, match="waiting for a worker"):
        jobs.resume(job)


def test_a_process_that_was_given_up_changes_nothing(job):
    jobs.claim(job)
    jobs.fail(job, "lost")
    again = type(job).objects.get()
    jobs.resume(again)
    assert (again.state, again.reason) == (State.WAITING, "")
    assert jobs.claim(again)
    with pytest.raises(jobs.Superseded):
        jobs.heartbeat(job)  # the first one wakes up
    jobs.fail(job, "too late")
    assert state_of(again) == State.RUNNING


# Processes that end without a word


def test_a_job_without_heartbeats_is_failed(job):
    jobs.claim(job)
    write(job, host="elsewhere", last_heartbeat_at=ago(seconds=50))
    jobs.fail_stale()
    assert state_of(job) == State.RUNNING
    write(job, last_heartbeat_at=ago(seconds=70))
    jobs.fail_stale()
    assert state_of(job) == State.FAILED
    assert "killed" in job.reason


def test_a_job_whose_process_is_gone_from_this_machine_is_failed_sooner(job):
    jobs.claim(job)
    write(job, pid=DEAD_PID)
    jobs.fail_stale()
    assert state_of(job) == State.RUNNING  # just heard of: a process that this one cannot see
    write(job, last_heartbeat_at=ago(seconds=10))
    jobs.fail_stale()
    assert state_of(job) == State.FAILED


def test_a_job_that_waits_for_a_worker_is_left_alone(job, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        tasks.send(job)
    write(job, created_at=timezone.now() - LONG_AGO)
    jobs.fail_stale()
    assert state_of(job) == State.WAITING


@pytest.mark.parametrize(("seconds", "state"), [(50, State.WAITING), (70, State.FAILED)])
def test_a_job_whose_worker_died_before_it_began_is_failed(
    job, seconds, state, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        tasks.send(job)
    write(job, created_at=timezone.now() - LONG_AGO)
    DBTaskResult.objects.update(status="RUNNING", started_at=ago(seconds=seconds))
    jobs.fail_stale()
    assert state_of(job) == state


def test_a_job_whose_task_is_nowhere_is_failed(job):
    write(job, created_at=timezone.now() - LONG_AGO)
    jobs.fail_stale()
    assert state_of(job) == State.FAILED


def test_a_stale_job_is_resumed_at_once(job):
    jobs.claim(job)
    write(job, last_heartbeat_at=timezone.now() - LONG_AGO)
    jobs.resume(job)
    assert state_of(job) == State.WAITING


def test_a_queue_that_is_away_fails_the_job(job, monkeypatch, django_capture_on_commit_callbacks):
    for name in ("read_batch", "answer_again", "train"):
        monkeypatch.setattr(tasks, name, None)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.send(job)
    assert state_of(job) == State.FAILED
    assert "could not be handed to a worker" in job.reason


def test_a_process_that_waits_to_be_collected_is_not_alive():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not jobs._is_alive(pid)
    os.waitpid(pid, 0)


def test_many_small_pictures_are_one_heartbeat_now_and_then(monkeypatch):
    now, beats = iter([0, 0.1, 0.4, 0.6, 0.7, 0.8, 1.3, 1.4]), []
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: next(now)))
    beat = jobs.at_intervals(lambda: beats.append(True))
    counts = [(beat(), len(beats))[1] for _ in range(5)]
    assert counts == [0, 0, 1, 1, 2]


# What readers see

API = {"batch": "batches", "trainingrun": "training-runs"}


@pytest.fixture
def stale(job):
    """A job whose only worker died, on a site with no other."""
    jobs.claim(job)
    write(job, host="elsewhere", last_heartbeat_at=timezone.now() - LONG_AGO)
    job.refresh_from_db()
    return job


@pytest.fixture
def pages(stale):
    """The addresses that show the stale job: a list and a page of the admin, and of the API."""
    kind = stale._meta.model_name
    found = [f"/admin/classifier/{kind}/", f"/admin/classifier/{kind}/{stale.pk}/change/"]
    api = f"/api/v1/{API.get(kind)}"
    return found + ([api, f"{api}/{stale.pk}"] if kind in API else [])


def test_reading_writes_nothing(admin_client, stale, pages):
    def refuse_to_write(execute, sql, *arguments):
        assert sql.split()[0] in ("SELECT", "SAVEPOINT", "RELEASE"), sql
        return execute(sql, *arguments)

    for page in pages:
        with connection.execute_wrapper(refuse_to_write):
            assert admin_client.get(page).status_code == 200
    assert state_of(stale) == State.RUNNING


def test_a_site_whose_only_worker_died_shows_it(admin_client, pages):
    listed, page, *api = [admin_client.get(page) for page in pages]
    assert '"field-current_state">failed<' in listed.text
    assert "failed" in page.text
    assert "was stopped or killed" in page.text
    for told in [each.json() for each in api]:
        told = told["results"][0] if "results" in told else told
        assert (told["state"], "killed" in told["reason"]) == ("failed", True)


def test_a_stale_job_is_not_open_and_can_be_resumed(stale):
    assert stale.is_resumable
    assert not stale.is_open
