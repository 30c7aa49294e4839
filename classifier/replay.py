"""The history answered again by another version: what would change?"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from . import bulk, inference, jobs, reviewed
from .inference import InvalidImage
from .models import ModelVersion, Prediction, Replay, ReplayAnswer

BATCH = 64


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
    """Answer what is left of a replay that this process claimed, in batches; gives how many are.

    Ends when the replay is closed meanwhile; its row has the reason. Raises NotReady when the
    version cannot be loaded, which is the replay's reason, too.
    """
    beat = jobs.at_intervals(lambda: jobs.heartbeat(replay))
    try:
        for batch in _batches(replay):
            answers = _answer(replay, batch, beat)
            replay.done += len(batch)
            replay.differing += sum(answer.differs for answer in answers)
            with transaction.atomic():
                jobs.heartbeat(replay, done=replay.done, differing=replay.differing)
                ReplayAnswer.objects.bulk_create(answers)
            yield replay.done
        jobs.finish(replay)
    except jobs.Superseded:
        return
    except BaseException as error:
        jobs.fail(replay, str(error) or type(error).__name__)
        raise
    finally:
        replay.refresh_from_db()


def _batches(replay: Replay) -> Iterator[list[Prediction]]:
    """The uploads after the last one that was answered, some at a time."""
    last = replay.answers.aggregate(last=Max("prediction_id"))["last"] or 0
    while batch := list(select(**replay.filters).filter(id__gt=last)[:BATCH]):
        yield batch
        last = batch[-1].pk


def _answer(
    replay: Replay, batch: list[Prediction], beat: Callable[[], None]
) -> list[ReplayAnswer]:
    """The answers to those uploads that are still there. Raises Superseded."""
    contents = [(each, reviewed.read(each.upload.name)) for each in batch]
    kept = [(each, content) for each, content in contents if content is not None]
    predictor = inference.predictor(replay.version.name)
    contents = bulk.interruptible([content for _, content in kept], beat)
    guesses = predictor.read_many(contents)
    return [_row(replay, each, guess) for (each, _), guess in zip(kept, guesses, strict=True)]


def _row(replay: Replay, prediction: Prediction, guess) -> ReplayAnswer:
    told = {"digit": None, "confidence": None, "reason": ""}
    if not isinstance(guess, InvalidImage):
        told = {"digit": guess.digit, "confidence": guess.confidence, "reason": guess.reason}
    differs = told["digit"] != prediction.digit
    return ReplayAnswer(replay=replay, prediction=prediction, differs=differs, **told)
