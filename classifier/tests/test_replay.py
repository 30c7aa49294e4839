import io

import pytest
from django.core.management import CommandError, call_command

from classifier import jobs, replay, tasks
from classifier.models import Prediction, Replay
from ml import predict

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(post):
    """Three uploads; the second one was answered wrongly."""
    found = [post(f"{digit}_paint.png").json()["id"] for digit in (3, 5, 7)]
    Prediction.objects.filter(pk=found[1]).update(digit=6)
    return found


def run(*arguments):
    out = io.StringIO()
    call_command("replay", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_replay_lists_what_would_change(history, version):
    version("other")
    told = run("--model", "other")
    assert f"upload {history[1]}: 6" in told
    assert "other reads 1 of 3 uploads as another digit" in told


def test_a_replay_keeps_both_answers_and_changes_no_history(history, version):
    version("other", temperature=3.0)
    run("--model", "other")
    (answer,) = Replay.objects.get().answers.filter(differs=True)
    assert (answer.digit, answer.prediction.digit) == (5, 6)
    answer = Replay.objects.get().answers.first()
    assert answer.confidence < answer.prediction.confidence


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"digit": 7}, 1),
        ({"status": "certain"}, 3),
        ({"status": "uncertain"}, 0),
        ({"answered_by": "nobody"}, 0),
        ({"since": "2000-01-01"}, 3),
        ({"until": "2000-01-01T00:00:00+01:00"}, 0),
        ({"last": 2}, 2),
    ],
)
def test_a_replay_takes_a_part_of_the_history(history, filters, count):
    assert replay.select(**filters).count() == count


def test_a_replay_in_the_background_shows_its_progress(
    history, version, django_capture_on_commit_callbacks
):
    version("other")
    with django_capture_on_commit_callbacks(execute=True):
        assert "waits for a worker" in run("--model", "other", "--background")
    found = Replay.objects.get()
    tasks.answer_again.call(found.pk)
    found.refresh_from_db()
    assert (found.state, found.total, found.done, found.differing) == ("done", 3, 3, 1)


@pytest.mark.django_db(transaction=True)
def test_a_replay_that_cannot_be_handed_over_fails_the_command(version, monkeypatch):
    version("other")
    monkeypatch.setattr(tasks, "answer_again", None)
    with pytest.raises(CommandError, match="could not be handed to a worker"):
        run("--model", "other", "--background")


def test_a_replay_that_was_cut_short_goes_on(history, version, monkeypatch):
    found = replay.begin(version("other"), {})
    monkeypatch.setattr(replay, "BATCH", 1)
    assert jobs.claim(found)
    steps = replay.run(found)
    assert next(steps) == 1
    steps.close()
    found.refresh_from_db()
    assert found.state == "failed"
    assert "1 of 3" in run("--resume", str(found.pk))


def test_a_replay_that_is_closed_ends_after_the_picture_at_hand(history, version, monkeypatch):
    found = replay.begin(version("other"), {})
    read, attempt = [], predict.attempt

    def close_meanwhile(content):
        read.append(content)
        if len(read) == 2:
            jobs.fail(found, "It was closed.")
        return attempt(content)

    monkeypatch.setattr(predict, "attempt", close_meanwhile)
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0)
    assert jobs.claim(found)
    assert list(replay.run(found)) == []
    assert len(read) == 2
    assert (found.state, found.reason, found.done) == ("failed", "It was closed.", 0)
    assert not found.answers.exists()


def test_a_replay_that_is_closed_meanwhile_fails_the_command(version, monkeypatch):
    def close(found):
        jobs.fail(found, "It was closed.")
        found.refresh_from_db()
        return []

    version("other")
    monkeypatch.setattr(replay, "run", close)
    with pytest.raises(CommandError, match="It was closed"):
        run("--model", "other")


def test_a_replay_that_runs_elsewhere_or_is_done_is_not_resumed(version):
    found = replay.begin(version("other"), {})
    assert jobs.claim(found)
    with pytest.raises(CommandError, match="is running: nothing to resume"):
        run("--resume", str(found.pk))
    jobs.finish(found)
    with pytest.raises(CommandError, match="is done: nothing to resume"):
        run("--resume", str(found.pk))


def test_an_erased_upload_is_left_out(history, version, files):
    files()[0].unlink()
    version("other")
    run("--model", "other")
    assert Replay.objects.get().answers.count() == 2


def test_a_replay_needs_a_version_that_exists(history):
    with pytest.raises(CommandError, match="no version 'nowhere'"):
        run("--model", "nowhere")


def test_promoters_start_a_replay_from_the_version_and_see_the_answers(
    client, person, history, version
):
    client.force_login(person("ann", "Promoters"))
    other = version("other")
    page = client.post(f"/admin/classifier/modelversion/{other.pk}/replay", follow=True)
    assert "0 of 0 uploads" in page.text
    tasks.answer_again.call(Replay.objects.get().pk)
    answers = client.get("/admin/classifier/replayanswer/?differs__exact=1").text
    assert f"/{history[1]}/thumbnail" in answers
    assert f"/{history[0]}/thumbnail" not in answers


def test_the_disagreements_of_a_replay_are_a_part_of_the_review_queue(
    client, person, history, version
):
    version("other")
    run("--model", "other")
    client.force_login(person("ann", "Reviewers"))
    queue = "/admin/classifier/prediction/review/"
    assert "other, " in client.get(queue).text
    found = Replay.objects.get().pk
    given = client.post(f"{queue}next?replay={found}", {"count": 9}, "application/json").json()
    assert [each["id"] for each in given["pictures"]] == [history[1]]
    assert given["waiting"] == 1
