"""Eight reviewers at once, each in a thread with a connection of its own.

Run by test_review.py in a process of its own, on the database of DATABASE_URL: the tests' own
is in memory, where connections cannot wait for one another. Prints the pictures given out.
"""

import json
import os
import threading
import zlib

import django

PICTURES, REVIEWERS = 120, 8


def main():
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from classifier.models import Correction

    call_command("migrate", verbosity=0)
    fill()
    people = [User.objects.create_user(f"reviewer {number}") for number in range(REVIEWERS)]
    given, barrier = [], threading.Barrier(REVIEWERS)
    threads = [threading.Thread(target=work, args=(each, given, barrier)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"given": given, "corrections": Correction.objects.count()}))


def fill():
    from classifier.models import ModelVersion, Prediction

    version = ModelVersion.objects.create(name="v1", network="cnn", keras_sha256="0" * 64)
    Prediction.objects.bulk_create(
        Prediction(
            digit=number % 10,
            confidence=number / PICTURES,
            version=version,
            upload="none.png",
            sha256=bytes(32),
            size=1,
            format="PNG",
            probabilities_float32=bytes(40),
            pixels_zlib=zlib.compress(bytes(28 * 28)),
            duration_us=1,
        )
        for number in range(PICTURES)
    )


def work(reviewer, given, barrier):
    """Claim and answer until nothing is left."""
    from django.db import connection

    from classifier import review

    barrier.wait()
    while pictures := review.claim(reviewer, 3):
        for each in pictures:
            given.append(each.pk)
            review.answer(each.pk, each.digit, reviewer)
    connection.close()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
    django.setup()
    main()
