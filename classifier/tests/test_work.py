"""The workers: which queue each works on, and that they look for jobs of those that died."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from classifier import jobs, tasks, training
from classifier.management.commands import serve, work
from classifier.models import TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def started(monkeypatch):
    """The commands that `work` starts, instead of running them."""
    found = []
    monkeypatch.setattr(work, "call_command", lambda *names, **options: found.append(options))
    monkeypatch.setattr(work, "fail_stale_jobs", lambda over: None)
    return found


@pytest.fixture
def stale():
    run = training.begin("net")
    assert jobs.claim(run)
    TrainingRun.objects.update(last_heartbeat_at=timezone.now() - timedelta(minutes=2))
    return run


def state() -> str:
    return TrainingRun.objects.get().state


def test_trainings_have_a_queue_of_their_own(settings):
    assert tasks.read_batch.queue_name == tasks.answer_again.queue_name == "default"
    assert tasks.train.queue_name == "training"
    assert settings.TASK_QUEUES == ["default", "training"]


def test_serve_starts_a_worker_for_each_queue(settings):
    assert [command[-2:] for command in serve.WORKERS] == [
        ["--queue", name] for name in settings.TASK_QUEUES
    ]


@pytest.mark.parametrize(
    ("arguments", "queues"),
    [
        ([], "default,training"),
        (["--queue", "training"], "training"),
        (["--queue", "training", "default"], "training,default"),
    ],
)
def test_a_worker_takes_what_is_in_its_queues(started, arguments, queues):
    call_command("work", *arguments)
    assert [each["queue_name"] for each in started] == [queues]


def test_a_queue_that_there_is_not_is_refused():
    with pytest.raises(CommandError, match="invalid choice: 'trainings'"):
        call_command("work", "--queue", "trainings")


def test_a_worker_that_starts_fails_what_another_left(started, stale):
    call_command("work")
    assert state() == "failed"


class Looks(threading.Event):
    """An event that is set after so many looks, without waiting between them."""

    def __init__(self, count):
        super().__init__()
        self.left = count

    def wait(self, timeout=None):
        self.left -= 1
        return self.left < 0


def look(count: int) -> None:
    """Look for stale jobs as a worker does: in a thread, which has connections of its own."""
    thread = threading.Thread(target=work.fail_stale_jobs, args=[Looks(count)])
    thread.start()
    thread.join()


def test_a_worker_looks_for_stale_jobs_while_it_works(stale):
    look(1)
    assert state() == "failed"


def test_a_worker_looks_again_when_it_could_not(stale, monkeypatch, caplog):
    found, fail_stale = [1 / 2], jobs.fail_stale
    monkeypatch.setattr(jobs, "fail_stale", lambda: found.pop() / 0 if found else fail_stale())
    look(2)
    assert state() == "failed"
    assert "could not be looked for" in caplog.text
