"""People say what pictures show: corrections, and a queue that gives nobody another's picture."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from .models import DOUBTFUL, SURE, WAITING, Correction, Prediction, ReviewClaim

CLAIM_LASTS = timedelta(minutes=5)  # counted from the reviewer's latest step
TAKEN_BACK = "taken back"  # the note of a correction that undoes another
BATCH = 500  # rows that are corrected in one transaction, so that uploads never wait for long


class NotYours(ValueError):
    """A step of the queue comes too late: somebody else has this picture, or has done it."""


class Erased(NotYours):
    """Nobody can say any more what an erased upload showed."""

    def __init__(self, prediction: Prediction):
        super().__init__(f"Upload {prediction.pk} was erased.")


def _lock(pk: int) -> Prediction:
    """A row that nobody else changes until this transaction ends. Raises Erased."""
    prediction = Prediction.objects.select_for_update().get(pk=pk)
    if prediction.erased_at:
        raise Erased(prediction)
    return prediction


def _lock_many(pks: Iterable[int]) -> QuerySet[Prediction]:
    rows = Prediction.objects.select_for_update().order_by("pk")
    return rows.filter(pk__in=pks, erased_at=None)


# Corrections


def correct(pk: int, label: int, reviewer: AbstractBaseUser, note: str = "") -> Correction:
    """Say what a picture shows. Raises Prediction.DoesNotExist and Erased."""
    with transaction.atomic():
        prediction = _lock(pk)
        return _record([(prediction, label)], reviewer, note)[0]


def correct_many(
    chosen: QuerySet[Prediction], label: int | None, reviewer: AbstractBaseUser
) -> int:
    """Say the same of many, or with None that each was read right. Returns how many.

    Those that were erased are left out.
    """
    done = 0
    for pks in chosen.keys_in_batches(BATCH):
        with transaction.atomic():
            rows = _lock_many(pks)
            pairs = [(row, row.digit if label is None else label) for row in rows]
            done += len(_record(pairs, reviewer))
    return done


def take_back(correction: Correction, reviewer: AbstractBaseUser) -> Correction:
    """Restore what counted before a correction, by a further row. Raises NotYours and Erased.

    Only the latest of a picture, and only one's own.
    """
    with transaction.atomic():
        prediction = _lock(correction.prediction_id)
        latest, before = [*prediction.corrections.all()[:2], None, None][:2]
        if latest != correction or latest.reviewer_id != reviewer.pk:
            raise NotYours("Somebody has corrected this picture since.")
        restored = before.to_label if before else None
        return _record([(prediction, restored)], reviewer, TAKEN_BACK)[0]


def take_back_many(chosen: QuerySet[Prediction], reviewer: AbstractBaseUser) -> int:
    """The same for all of the chosen whose latest correction is one's own. Returns how many."""
    done = 0
    for pks in chosen.keys_in_batches(BATCH):
        with transaction.atomic():
            rows = _lock_many(pks)
            said = defaultdict(list)  # newest first
            for correction in Correction.objects.filter(prediction__in=pks):
                said[correction.prediction_id].append(correction)
            pairs = [
                (row, said[row.pk][1].to_label if len(said[row.pk]) > 1 else None)
                for row in rows
                if row.label is not None and said[row.pk][0].reviewer_id == reviewer.pk
            ]
            done += len(_record(pairs, reviewer, TAKEN_BACK))
    return done


def _record(
    pairs: Iterable[tuple[Prediction, int | None]], reviewer: AbstractBaseUser, note: str = ""
) -> list[Correction]:
    """Add a correction for each locked prediction, and repeat it in the prediction's label."""
    corrections = [
        Correction(
            prediction=prediction,
            reviewer=reviewer,
            from_label=prediction.digit if prediction.label is None else prediction.label,
            to_label=label,
            note=note,
        )
        for prediction, label in pairs
    ]
    for label in {correction.to_label for correction in corrections}:
        pks = [each.prediction_id for each in corrections if each.to_label == label]
        Prediction.objects.filter(pk__in=pks).update(label=label)
    return Correction.objects.bulk_create(corrections)


# The queue


def claim(
    reviewer: AbstractBaseUser,
    count: int,
    among: QuerySet[Prediction] | None = None,
    status: str = "",
) -> list[Prediction]:
    """The next pictures to review, least certain first, given to nobody else for a while.

    `among` and a status narrow what is reviewed. An empty list means that nothing is left, or
    that others have what is left.
    """
    among = Prediction.objects.all() if among is None else among
    while True:
        with transaction.atomic():
            ReviewClaim.objects.filter(expires_at__lte=timezone.now()).delete()
            candidates = _waiting(among, count, status)
            # Of two who insert the same picture the database lets one through.
            ReviewClaim.objects.bulk_create(
                [
                    ReviewClaim(prediction=each, reviewer=reviewer, expires_at=_expiry())
                    for each in candidates
                ],
                ignore_conflicts=True,
            )
        pks = [each.pk for each in candidates]
        held = ReviewClaim.objects.filter(prediction__in=pks, reviewer=reviewer)
        still = held.filter(prediction__label=None, prediction__erased_at=None)
        mine = set(still.values_list("prediction_id", flat=True))
        if mine or not candidates:
            return [each for each in candidates if each.pk in mine]


def _waiting(among: QuerySet[Prediction], count: int, status: str) -> list[Prediction]:
    """Uncertain answers by confidence, then certain ones, and last the surest, newest first.

    Each reason is asked for on its own, since the index is sorted within a reason.
    """
    taken = ReviewClaim.objects.filter(prediction=OuterRef("pk"))
    free = among.filter(~Exists(taken))
    doubtful = free.filter(DOUBTFUL).order_by("confidence", "pk")
    chosen = [
        each
        for reason in reasons(status)
        if reason
        for each in doubtful.filter(reason=reason)[:count]
    ]
    chosen.sort(key=lambda each: (each.confidence, each.pk))
    if "" in reasons(status):
        sure = free.filter(WAITING, reason="", confidence__gte=SURE).order_by("-pk")
        for rows in (doubtful.filter(reason=""), sure):
            chosen += rows[: max(count - len(chosen), 0)]
    return chosen[:count]


def reasons(status: str) -> list[str]:
    """The reasons of answers with a status; of all without one. A certain answer's is empty."""
    if status in ("certain", "uncertain"):
        return [each for each in Prediction.Reason.values if (each == "") == (status == "certain")]
    return [status] if status else Prediction.Reason.values


def _expiry():
    return timezone.now() + CLAIM_LASTS


def waiting_count(most: int, among: QuerySet[Prediction] | None = None, status: str = "") -> int:
    """How many pictures wait for review; at most `most`, so that counting stays cheap."""
    among = Prediction.objects.all() if among is None else among
    if status in ("", "certain"):
        found = among.with_status(status) if status else among
        return found.with_review("waiting").order_by("-pk")[:most].count()
    return among.filter(DOUBTFUL, reason__in=reasons(status)).order_by()[:most].count()


def answer(pk: int, label: int, reviewer: AbstractBaseUser) -> Correction:
    """A reviewer's word on a picture of the queue; ends the claim. Raises NotYours.

    A claim that expired is no obstacle as long as nobody else has the picture.
    """
    with transaction.atomic():
        prediction = _lock_many([pk]).filter(label=None).first()
        others = ReviewClaim.objects.filter(prediction=pk).exclude(reviewer=reviewer)
        if prediction is None or others.filter(expires_at__gt=timezone.now()).exists():
            raise NotYours("Somebody else has reviewed or erased this picture meanwhile.")
        ReviewClaim.objects.filter(prediction=pk).delete()
        ReviewClaim.objects.filter(reviewer=reviewer).update(expires_at=_expiry())
        return _record([(prediction, label)], reviewer)[0]


def undo(correction: Correction, reviewer: AbstractBaseUser) -> Correction:
    """Take back one's latest word in the queue and have the picture again. Raises NotYours."""
    with transaction.atomic():
        undone = take_back(correction, reviewer)
        ReviewClaim.objects.update_or_create(
            prediction_id=correction.prediction_id,
            defaults={"reviewer": reviewer, "expires_at": _expiry()},
        )
    return undone


def release(pks: Iterable[int], reviewer: AbstractBaseUser) -> None:
    """Give pictures back that were claimed and not reviewed."""
    ReviewClaim.objects.filter(prediction__in=pks, reviewer=reviewer).delete()
