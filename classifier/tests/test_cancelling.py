"""Work on many pictures ends after the one at hand when nobody wants it any more."""

from types import SimpleNamespace

import pytest

from classifier import batches, jobs, reviewed, tasks, training
from classifier.models import Batch, Prediction
from ml import predict

from .archives import packed

pytestmark = pytest.mark.django_db


@pytest.fixture
def started(sample):
    """A batch of four pictures."""
    return batches.begin(packed({f"{number}.png": sample("7_paint.png") for number in range(4)}))


@pytest.fixture
def read(monkeypatch):
    """The contents that were read, and what is done while a picture is: `read.meanwhile`."""

    class Read(list):
        def meanwhile(self):
            """Nothing, unless a test puts something else here."""

    found, attempt = Read(), predict.attempt

    def attempt_and_note(content):
        found.append(content)
        found.meanwhile()
        return attempt(content)

    monkeypatch.setattr(predict, "attempt", attempt_and_note)
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0)
    return found


def test_a_batch_that_is_cancelled_ends_after_the_picture_at_hand(started, read):
    read.meanwhile = lambda: len(read) == 2 and batches.cancel(started)
    tasks.read_batch.call(started.pk)
    assert len(read) == 2
    assert Batch.objects.get().state == "cancelled"
    assert not Prediction.objects.exists()


def test_slow_pictures_are_a_sign_of_life(started, read):
    heard = []
    read.meanwhile = lambda: heard.append(Batch.objects.get().last_heartbeat_at)
    tasks.read_batch.call(started.pk)
    assert heard == sorted(set(heard))
    assert len(heard) == 4


def test_a_training_that_is_cancelled_prepares_no_more_uploads(monkeypatch, sample):
    prepared, watch = [], SimpleNamespace()

    def stop_after_two():
        if len(prepared) == 2:
            raise jobs.Superseded

    watch.stop_if_cancelled = stop_after_two
    pictures = [reviewed.Picture(sample("7_paint.png"), 7)] * 4
    monkeypatch.setattr(reviewed, "to_learn", lambda: pictures)
    monkeypatch.setattr(training, "prepare", lambda content: prepared.append(content) or watch)
    watch.pixels = None
    with pytest.raises(jobs.Superseded):
        training._to_learn(watch)
    assert len(prepared) == 2
