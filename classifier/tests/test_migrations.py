"""Migrations run forward with rows in place."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from classifier import registry, review
from classifier.models import Prediction

pytestmark = pytest.mark.django_db(transaction=True)


def migrated_to(name):
    """The models as they are after a migration of ours."""
    executor = MigrationExecutor(connection)
    executor.migrate([("classifier", None if name == "zero" else name)])
    if name == "zero":
        return None
    return MigrationExecutor(connection).loader.project_state([("classifier", name)]).apps


@pytest.fixture
def latest():
    """Leaves the database as the other tests expect it."""
    executor = MigrationExecutor(connection)
    yield
    executor.loader.build_graph()
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_a_version_of_before_knows_its_digests_and_where_it_lies(latest):
    facts = registry.shipped().facts
    old = migrated_to("0001_initial").get_model("classifier", "ModelVersion")
    old.objects.create(name=facts["name"], network="cnn", keras_sha256="x", facts=facts)
    new = migrated_to("0005_versions_facts").get_model("classifier", "ModelVersion")
    version = new.objects.get()
    assert (version.shipped, version.tflite_sha256) == (True, facts["tflite_sha256"])
    assert version.metrics["test_accuracy"] == facts["metrics"]["test_accuracy"]


# What a row of each kind needs beyond defaults and the rows it points at. A new model has its
# place here.
FACTS = {
    "modelversion": {"name": "digits-0", "network": "cnn", "keras_sha256": "0" * 64},
    "prediction": {
        "upload": "uploads/2026/11/23/none.png",
        "sha256": b"\1" * 32,
        "size": 1,
        "format": "PNG",
        "original_name": "seven.png",
        "digit": 7,
        "confidence": 0.5,
        "probabilities_float32": bytes(40),
        "reason": "low_confidence",
        "pixels_zlib": b"x",
        "duration_us": 1,
        "request_id": "r",
    },
    "correction": {"from_label": 7, "to_label": 1},
    "reviewclaim": {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    "promotion": {},
    "trainingrun": {"name": "july"},
    "replay": {},
    "replayanswer": {"differs": False},
    "apikey": {"name": "robot", "prefix": "00000000", "secret_sha256": bytes(32)},
    "batch": {"total": 1, "request_id": "r"},
    "batchanswer": {"index": 0},
}


CHANGED = {  # the new names of fields
    "heard_at": "last_heartbeat_at",
    "cancel_requested": None,  # a job that is cancelled has that state at once
}


def fill(apps) -> dict[str, dict]:
    """Put a row into each of our tables that has none; gives all rows as they are."""
    rows = {}
    for model in apps.get_app_config("classifier").get_models():
        if not model.objects.exists():
            needed = [each for each in model._meta.fields if each.is_relation and not each.null]
            pointers = {each.name: each.related_model.objects.first() for each in needed}
            model.objects.create(**FACTS[model._meta.model_name], **pointers)
        rows[model._meta.model_name] = model.objects.values().get()
    return rows


def ours() -> list[str]:
    """The names of our migrations, in order."""
    graph = MigrationExecutor(connection).loader.graph
    (latest,) = graph.leaf_nodes("classifier")
    return [name for app, name in graph.forwards_plan(latest) if app == "classifier"]


def test_every_migration_runs_with_a_row_in_every_table_and_changes_none(latest):
    migrated_to("zero")
    rows = {}
    for name in ours():
        apps = migrated_to(name)
        get_user_model().objects.get_or_create(username="boss")
        for kind, before in rows.items():
            after = apps.get_model("classifier", kind).objects.values().get()
            for field, value in before.items():
                renamed = field if field in after else CHANGED[field]
                assert renamed is None or after[renamed] == value, (name, field)
        rows = fill(apps)
    assert rows.keys() == FACTS.keys()
    assert review.waiting_count(10) == 1  # of before there were corrections
    assert Prediction.objects.get().corrections.count() == 1


@pytest.mark.parametrize("turn", ["first", "second"])
def test_the_groups_of_the_migrations_are_there_for_each_test(turn):
    found = dict(Group.objects.values_list("name", "permissions__codename"))
    assert found.keys() == {"Viewers", "Reviewers", "Trainers", "Promoters"}
    assert None not in found.values()
