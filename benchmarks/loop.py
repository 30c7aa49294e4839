"""The loop, from odd uploads to a better version: does learning from corrections work?

    python benchmarks/loop.py mnist.npz

In a database of its own: 200 sevens and ones in a style that the shipped network reads badly
are uploaded and corrected, a candidate is trained from them, judged by the gate and promoted.
Prints what is read of 200 fresh ones before and after, and what MNIST's test images say.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
KEPT = tempfile.TemporaryDirectory(prefix="loop-")
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "mnistsite.settings",
    "DATABASE_URL": f"sqlite:///{KEPT.name}/db.sqlite3",
    "MEDIA_ROOT": f"{KEPT.name}/media",
    "LOG_LEVEL": "WARNING",
}

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command

from classifier import gate, history, inference, review, training
from fixtures.odd import odd_uploads


def accuracy(version: str, uploads: list[tuple[int, bytes]]) -> float:
    guesses = inference.predictor(version).read_many([upload for _, upload in uploads])
    right = [
        getattr(guess, "digit", None) == digit
        for guess, (digit, _) in zip(guesses, uploads, strict=True)
    ]
    return sum(right) / len(right)


def main(data: str) -> None:
    call_command("migrate", verbosity=0)
    reviewer = get_user_model().objects.create_superuser("reviewer")
    fresh = odd_uploads(200, seed=2)
    print(f"The shipped network reads {accuracy('', fresh):.1%} of 200 fresh uploads.")
    for digit, upload in odd_uploads(200, seed=1):
        review.correct(history.keep(upload, inference.classify(upload)).id, digit, reviewer)
    started = time.monotonic()
    version = training.execute(training.begin("odd", corrections=True, data=data), verbose=2)
    print(f"Corrected 200 and trained from them in {time.monotonic() - started:.0f} s.")
    for judged in version.gate["sets"]:
        print(f"The gate: {judged['text']}")
    gate.promote(version, by=reviewer)
    print(f"Promoted. It reads {accuracy(version.name, fresh):.1%} of the fresh uploads.")


if __name__ == "__main__":
    main(sys.argv[1])
