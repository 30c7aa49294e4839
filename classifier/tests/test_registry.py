import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction

from classifier import registry
from classifier.models import ModelVersion, Promotion

from .conftest import copy_of_shipped

pytestmark = pytest.mark.django_db


def test_the_shipped_network_is_registered_by_itself_and_answers():
    version = registry.active()
    assert (version.pk, version.shipped, version.state) == (1, True, "active")
    assert version.tflite_sha256 == version.facts["tflite_sha256"]
    assert Promotion.objects.get().version == version


def test_the_shipped_network_is_registered_once():
    assert registry.register_shipped() == registry.register_shipped() == registry.active()
    assert ModelVersion.objects.count() == 1


def test_after_an_upgrade_the_new_shipped_network_answers_for_the_old_one():
    ModelVersion.objects.filter(pk=registry.active().pk).update(name="digits-0")
    assert registry.active().name == registry.shipped().name
    assert ModelVersion.objects.get(name="digits-0").state == "retired"
    assert Promotion.objects.count() == 2


def test_after_an_upgrade_a_trained_version_goes_on_answering(version):
    registry.activate(version("july"))
    assert registry.active().name == "july"


def test_the_database_lets_no_second_version_be_active(version):
    registry.active()
    other = version("other")
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=other.pk).update(state="active")


def test_a_version_that_is_activated_retires_the_other(version, admin_user):
    first, other = registry.active(), version("other")
    promotion = registry.activate(other, admin_user)
    first.refresh_from_db()
    assert (first.state, registry.active().name) == ("retired", "other")
    assert (promotion.previous, promotion.promoted_by) == (first, admin_user)


def test_a_registered_version_has_its_files_in_storage(version, media):
    version("other")
    assert {path.name for path in (media / "models").iterdir()} == {"other.keras", "other.tflite"}


def test_files_of_a_registration_that_was_cut_short_are_replaced(version, media):
    (media / "models").mkdir()
    (media / "models" / "other.keras").write_text("half a netwo")
    found = version("other")
    assert (registry.locate(found) / "other.keras").stat().st_size > 1000


class StorageElsewhere(Storage):
    """Files that have no path on this machine, as in S3."""

    def __init__(self):
        self.contents = {}

    def _open(self, name, mode):
        if name not in self.contents:
            raise FileNotFoundError(name)
        return ContentFile(self.contents[name])

    def _save(self, name, content):
        self.contents[name] = content.read()
        return name

    def exists(self, name):
        return name in self.contents

    def delete(self, name):
        self.contents.pop(name, None)


@pytest.fixture
def storage(settings, tmp_path, monkeypatch):
    settings.MNIST_MODEL_CACHE = tmp_path / "cache"
    monkeypatch.setattr(registry, "default_storage", StorageElsewhere())
    return registry.default_storage


def test_a_version_in_a_storage_elsewhere_is_fetched_once(storage, tmp_path):
    found = registry.register(*copy_of_shipped(tmp_path, "far"))
    assert (registry.locate(found) / "far.tflite").exists()
    storage.delete("models/far.tflite")
    assert (registry.locate(found) / "far.tflite").exists()


def test_a_damaged_copy_is_fetched_again(storage, tmp_path):
    found = registry.register(*copy_of_shipped(tmp_path, "far"))
    copy = registry.locate(found) / "far.tflite"
    copy.write_bytes(b"damaged")
    registry.locate(found)
    assert copy.stat().st_size > 1000


def test_a_version_that_storage_has_lost_is_an_os_error(storage, tmp_path):
    found = registry.register(*copy_of_shipped(tmp_path, "far"))
    storage.delete("models/far.keras")
    with pytest.raises(OSError, match="cannot be read from storage"):
        registry.locate(found)


def test_an_unknown_name_is_answered_with_the_known_ones():
    registry.active()
    with pytest.raises(registry.UnknownVersion, match=registry.shipped().name):
        registry.find("nowhere")
