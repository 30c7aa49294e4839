"""Migrations run forward with rows in place."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from classifier import registry

pytestmark = pytest.mark.django_db(transaction=True)


def migrated_to(name):
    """The models as they are after a migration of ours."""
    executor = MigrationExecutor(connection)
    executor.migrate([("classifier", name)])
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
