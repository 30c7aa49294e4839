"""The history answered again by another version: what would change?"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from . import bulk, inference, reviewed, runs
from .inference import InvalidImage
from .models import ModelVersion, Prediction, Replay, ReplayAnswer

State = Replay.State
BATCH = 64
LOST_AFTER = timedelta(seconds=60)  # without a sign of life, its process is gone


class Closed(Exception):
    """A replay was closed while it ran."""


def select(
    *,
    digit: int | None = None,
    status: str = "",
    answered_by: str = "",
    since: str = "",
    until: str = "",
    last: int | None = None,
) -> QuerySet[Prediction]:
    """The uploads that a replay is about, the oldest first; none that was erased.

    `status` is certain or uncertain, `since` and `until` are ISO 8601 dates or times, `last`
    takes only the newest. Raises ValueError.
    """
    found = Prediction.objects.filter(erased_at=None).order_by("id")
    if digit is not None:
        found = found.filter(digit=digit)
    if status:
        found = found.filter(reason="") if status == "certain" else found.exclude(reason="")
    if answered_by:
        found = found.filter(version__name=answered_by)
    if since:
        found = found.filter(created_at__gte=_moment(since))
    if until:
        found = found.filter(created_at__lt=_moment(until))
    if last:
        first = found.order_by("-id").values_list("id", flat=True)[last - 1 : last]
        found = found.filter(id__gte=next(iter(first), 0))
    return found


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else timezone.make_aware(moment)


def begin(version: ModelVersion, filters: dict, by=None) -> Replay:
    """Note the wish for a replay, to be run here or by a worker. Raises ValueError."""
    total = select(**filters).count()
    return Replay.objects.create(version=version, filters=filters, total=total, started_by=by)


def run(replay: Replay) -> Iterator[int]:
    """Answer what is not answered yet, in batches; gives how many are.

    Ends when the replay is closed meanwhile; it says why. Raises NotReady when the version cannot
    be loaded; the replay says so, too.
    """
    Replay.objects.filter(pk=replay.pk).update(state=State.RUNNING, heard_at=timezone.now())
    still_open = runs.at_intervals(lambda: _update(replay))
    try:
        for batch in _batches(replay):
            answers = _answer(replay, batch, still_open)
            replay.done += len(batch)
            replay.differing += sum(answer.differs for answer in answers)
            with transaction.atomic():
                _update(replay, done=replay.done, differing=replay.differing)
                ReplayAnswer.objects.bulk_create(answers)
            yield replay.done
        _end(replay, State.DONE)
    except Closed:
        replay.refresh_from_db()
    except BaseException as error:
        fail(replay, str(error) or type(error).__name__)
        replay.refresh_from_db()
        raise


def _batches(replay: Replay) -> Iterator[list[Prediction]]:
    """The uploads after the last one that was answered, some at a time."""
    last = replay.answers.aggregate(last=Max("prediction_id"))["last"] or 0
    while batch := list(select(**replay.filters).filter(id__gt=last)[:BATCH]):
        yield batch
        last = batch[-1].pk


def _answer(
    replay: Replay, batch: list[Prediction], still_open: Callable[[], None]
) -> list[ReplayAnswer]:
    """The answers to those uploads that are still there. Raises Closed."""
    contents = [(each, reviewed.read(each.upload.name)) for each in batch]
    kept = [(each, content) for each, content in contents if content is not None]
    predictor = inference.predictor(replay.version.name)
    contents = bulk.interruptible([content for _, content in kept], still_open)
    guesses = predictor.read_many(contents)
    return [_row(replay, each, guess) for (each, _), guess in zip(kept, guesses, strict=True)]


def _row(replay: Replay, prediction: Prediction, guess) -> ReplayAnswer:
    told = {"digit": None, "confidence": None, "reason": ""}
    if not isinstance(guess, InvalidImage):
        told = {"digit": guess.digit, "confidence": guess.confidence, "reason": guess.reason}
    differs = told["digit"] != prediction.digit
    return ReplayAnswer(replay=replay, prediction=prediction, differs=differs, **told)


def fail(replay: Replay, reason: str) -> None:
    """Close an open replay that cannot go on."""
    open_states = (State.WAITING, State.RUNNING)
    Replay.objects.filter(pk=replay.pk, state__in=open_states).update(
        state=State.FAILED, reason=reason, finished_at=timezone.now()
    )


def fail_lost() -> None:
    """Close replays whose process is gone; `run` goes on with them when asked again."""
    overdue = timezone.now() - LOST_AFTER
    for each in Replay.objects.filter(state=State.RUNNING, heard_at__lt=overdue):
        fail(each, "Nothing was heard of it for a minute.")
    for each in Replay.objects.filter(state=State.WAITING, created_at__lt=overdue):
        if runs.was_taken(each):
            fail(each, "The worker that took it never began it.")


def _update(replay: Replay, **fields) -> None:
    """Write to a replay as long as it is open. Raises Closed."""
    running = Replay.objects.filter(pk=replay.pk, state=State.RUNNING)
    if not running.update(heard_at=timezone.now(), **fields):
        raise Closed


def _end(replay: Replay, state: str, reason: str = "") -> None:
    _update(replay, state=state, reason=reason, finished_at=timezone.now())
    replay.refresh_from_db()
