import pytest

from classifier import inference, registry
from classifier.inference import Serving
from classifier.models import ModelVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def promoted(version):
    """A version that was made active a moment ago, while the shipped one answers."""
    inference.predictor()
    registry.activate(version("newer", temperature=3.0))
    return ModelVersion.objects.get(name="newer")


def files_of(version):
    return [registry.locate(version) / name for name, _ in registry.files(version)]


def test_looking_swaps_to_the_active_version(promoted):
    inference.look()
    assert inference.predictor().version == "newer"


def test_until_it_looks_the_older_version_answers_without_a_query(
    promoted, django_assert_num_queries
):
    with django_assert_num_queries(0):
        assert inference.predictor().version != "newer"


@pytest.mark.parametrize("damage", ["corrupt", "missing"])
def test_a_version_that_cannot_be_loaded_leaves_the_older_one_answering(promoted, damage):
    for path in files_of(promoted):
        path.write_bytes(b"x") if damage == "corrupt" else path.unlink()
    inference.look()
    assert inference.predictor().version == registry.shipped().name
    assert "newer is active but cannot be loaded" in Serving.problem
    promoted.refresh_from_db()
    assert "newer.tflite" in promoted.problem


def test_a_version_that_can_be_loaded_again_is(promoted, monkeypatch):
    path = files_of(promoted)[1]
    content = path.read_bytes()
    path.write_bytes(b"x")
    inference.look()
    path.write_bytes(content)
    monkeypatch.setattr(inference, "RETRY_AFTER_S", 0)
    inference.look()
    promoted.refresh_from_db()
    assert (inference.predictor().version, Serving.problem, promoted.problem) == ("newer", "", "")


def test_a_version_that_failed_is_not_tried_every_second(promoted, monkeypatch):
    files_of(promoted)[1].unlink()
    inference.look()
    monkeypatch.setattr(inference, "_load", lambda name: 1 / 0)
    inference.look()


def test_only_a_few_other_versions_stay_loaded(version):
    for number in range(inference.OTHERS + 2):
        version(f"v{number}")
        inference.predictor(f"v{number}")
    assert inference._load.cache_info().currsize == inference.OTHERS


def test_before_the_database_is_migrated_the_shipped_network_answers(monkeypatch):
    def fail():
        raise inference.DatabaseError("no such table")

    monkeypatch.setattr(registry, "active", fail)
    assert inference.predictor().version == registry.shipped().name
