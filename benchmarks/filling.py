"""Fill the history with generated uploads that have no file, by SQL alone: 10,000,000 in minutes.

    DATABASE_URL=sqlite:////tmp/history.sqlite3 python -m benchmarks.filling 10000000

The rows are as those of a service that has answered for 60 days: evenly spaced in time, of
three versions one after the other (3, 27 and 70 %, and 1 in 1000 of any), 1.5 % uncertain, 1 in
20 by a key, 1 in 2000 reviewed, of which 1 in 10 was read wrong; at least 500 are reviewed, and
500 show several digits, so that a page is as full in a small history. Their pixels are of
digits that we draw, so that rows are as large as real ones.
"""

import os
import sys
import time
import zlib

import cv2
import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
django.setup()

from django.contrib.auth import get_user_model
from django.db import connection

from classifier import registry
from classifier.models import ApiKey, ModelVersion, Prediction
from ml.drawing import draw_digit
from ml.preprocess import prepare

DAYS = 60
STEP = 250_000  # rows of one statement
POOL = 500  # different pixels and probabilities; each upload has those of one of them
TABLE = Prediction._meta.db_table

COLUMNS = """
    id, created_at, upload, sha256, size, format, original_name, digit, confidence,
    probabilities_float32, reason, pixels_zlib, version_id, duration_us, request_id, key_id, label
"""
# Of `n`, from 1 to the number of rows, and `r`, as good as random.
VALUES = """
    n, {moment}, 'uploads/' || {day} || '/' || {uuid} || '.png', {digest}, 300 + r % 4000, 'PNG',
    CASE WHEN r % 3 = 0 THEN '' ELSE 'IMG_' || n || '.png' END,
    pool.digit,
    CASE WHEN r % 1000 < 15 THEN 0.3 + 0.0005 * (r % 997)
         ELSE 1 - 0.2 * ((r % 991) / 991.0) * ((r % 983) / 983.0) * ((r % 977) / 977.0) END,
    pool.probabilities,
    CASE WHEN n % {rare} = 1 THEN 'several_digits'
         WHEN r % 1000 < 10 THEN 'low_confidence' WHEN r % 1000 < 14 THEN 'not_a_digit'
         WHEN r % 1000 < 15 THEN 'several_digits' ELSE '' END,
    pool.pixels,
    CASE WHEN r % 1009 = 0 THEN {first} + r / 1009 % 3 WHEN n <= 0.03 * {rows} THEN {first}
         WHEN n <= 0.3 * {rows} THEN {first} + 1 ELSE {first} + 2 END,
    900 + r % 3000, {uuid}, CASE WHEN r % 19 = 0 THEN {key} END,
    CASE WHEN r % 1999 = 0 OR n % {rare} = 0
         THEN (pool.digit + CASE WHEN r % 10 = 0 THEN 1 ELSE 0 END) % 11 END
"""
RANDOM = "n * 2654435761 % 4294967291"
POOLED = "pool ON pool.id = r / 7 % {pool}"
SQLITE = """
    WITH RECURSIVE s (n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM s WHERE n < {end})
    INSERT INTO {table} ({columns}) SELECT {values}
    FROM (SELECT n, {random} AS r FROM s) CROSS JOIN {pooled}
"""
POSTGRES = """
    INSERT INTO {table} ({columns}) SELECT {values}
    FROM (SELECT n, {random} AS r FROM generate_series({start}::bigint, {end}) n) s JOIN {pooled}
"""
MOMENTS = {
    "sqlite": {
        "moment": "strftime('%Y-%m-%d %H:%M:%f000', {seconds}, 'unixepoch')",
        "day": "strftime('%Y/%m/%d', {seconds}, 'unixepoch')",
        "uuid": "lower(hex(randomblob(16)))",
        "digest": "randomblob(32)",
    },
    "postgresql": {
        "moment": "to_timestamp({seconds})",
        "day": "to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY/MM/DD')",
        "uuid": "replace(gen_random_uuid()::text, '-', '')",
        "digest": "sha256(n::text::bytea)",
    },
}
CORRECTIONS = f"""
    INSERT INTO classifier_correction
        (prediction_id, reviewer_id, created_at, from_label, to_label, note)
    SELECT id, {{reviewer}}, created_at, digit, label, '' FROM {TABLE} WHERE label IS NOT NULL
"""


def make_pool(cursor) -> None:
    """A table with pixels and probabilities of our own drawing."""
    rng = np.random.default_rng(0)
    blob = "bytea" if connection.vendor == "postgresql" else "blob"
    cursor.execute(
        f"CREATE TEMPORARY TABLE pool (id integer PRIMARY KEY, digit smallint,"
        f" probabilities {blob}, pixels {blob})"
    )
    rows = []
    for number in range(POOL):
        digit = number % 10
        pixels = prepare(cv2.imencode(".png", draw_digit(digit, rng))[1].tobytes()).pixels
        probabilities = rng.dirichlet(np.where(np.arange(10) == digit, 50, 0.05))
        packed = probabilities.astype(np.float32).tobytes(), zlib.compress(pixels.tobytes())
        rows.append((number, digit, *packed))
    cursor.executemany("INSERT INTO pool VALUES (%s, %s, %s, %s)", rows)


def people_and_versions() -> dict[str, int]:
    """What the rows refer to: a member of staff, a key, and three versions with successive ids."""
    user, made = get_user_model().objects.get_or_create(
        username="staff", defaults={"is_staff": True, "is_superuser": True}
    )
    if made:
        for name in ("digits-0", "digits-1"):
            ModelVersion.objects.create(
                name=name, state="retired", network="cnn", keras_sha256="0" * 64
            )
    key = ApiKey.objects.first() or ApiKey.objects.issue(name="k", owner=user, scopes=["read"])[0]
    registry.register_shipped()
    first = ModelVersion.objects.get(name="digits-0").pk
    return {"key": key.pk, "first": first, "reviewer": user.pk}


def fill(rows: int) -> None:
    facts = people_and_versions() | {"now": round(time.time())}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # nothing is lost that could not be made again
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-3000000"):
                cursor.execute(f"PRAGMA {pragma}")
        else:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute("SET session_replication_role = replica")  # no check of foreign keys
        make_pool(cursor)
        started = time.monotonic()
        for start in range(1, rows + 1, STEP):
            cursor.execute(statement(start, min(start + STEP - 1, rows), rows, facts))
            print(f"{start + STEP - 1:,} of {rows:,}: {time.monotonic() - started:.0f} s", end="\r")
        cursor.execute(CORRECTIONS.format(**facts))
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{TABLE}', 'id'), {rows})")
            cursor.execute("VACUUM ANALYZE")  # as the server does by itself before long
        else:
            cursor.execute("PRAGMA journal_mode=WAL")


def statement(start: int, end: int, rows: int, facts: dict) -> str:
    seconds = f"({facts['now']} - {DAYS * 86400} * (1 - n / {rows}.0))"
    moments = MOMENTS[connection.vendor]
    moments = {name: text.format(seconds=seconds) for name, text in moments.items()}
    return {"sqlite": SQLITE, "postgresql": POSTGRES}[connection.vendor].format(
        table=TABLE,
        columns=COLUMNS,
        values=VALUES.format(**moments, **facts, rows=rows, rare=rows // 500 or 1),
        random=RANDOM,
        pooled=POOLED.format(pool=POOL),
        start=start,
        end=end,
    )


if __name__ == "__main__":
    missing = int(sys.argv[1]) - Prediction.objects.order_by()[: int(sys.argv[1])].count()
    if missing:
        Prediction.objects.exists() and sys.exit("The history is not empty.")
        fill(int(sys.argv[1]))
