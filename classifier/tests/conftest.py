import shutil
import zlib

import numpy as np
import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from classifier import counters, history, inference, registry
from classifier.models import ApiKey, ModelVersion, Prediction


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A folder of its own for what a test uploads and trains."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def static_files_found_when_asked_for(settings):
    """WhiteNoise would look through all static files for each test's client."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def nothing_loaded():
    """Versions and their rows are looked up anew by each test."""
    inference.forget()
    registry.row.cache_clear()


@pytest.fixture(autouse=True)
def nothing_failed():
    """No test finds a circuit breaker open, or a failure noted, because of another one."""
    history.database_breaker.reset()
    counters.breaker.reset()
    history.LastUpload.failed_at = None


@pytest.fixture
def version(db, tmp_path):
    """Makes a candidate: the shipped network under another name, with other facts if one likes."""
    return lambda name, **facts: registry.register(*copy_of_shipped(tmp_path, name, **facts))


def copy_of_shipped(folder, name, **changed):
    """A checkpoint as training leaves it: its facts, and the directory with its files."""
    shipped = registry.shipped()
    for suffix in ("keras", "tflite"):
        source = registry.shipped_directory() / f"{shipped.name}.{suffix}"
        shutil.copy(source, folder / f"{name}.{suffix}")
    return shipped.facts | changed | {"name": name}, folder


@pytest.fixture
def files(media):
    """The files that are in the media folder now."""
    return lambda: [path for path in media.rglob("*") if path.is_file()]


@pytest.fixture
def post(client, sample):
    """Post a sample picture, or bytes, as the field `image`."""

    def post_image(picture="7_paint.png", name="digit.png", **extra):
        content = sample(picture) if isinstance(picture, str) else picture
        return client.post("/mnist/classify", {"image": SimpleUploadedFile(name, content)}, **extra)

    return post_image


@pytest.fixture
def add(db):
    """Put a prediction into the history without a file: only what a test names matters."""
    version, _ = ModelVersion.objects.get_or_create(name="v1", network="cnn", keras_sha256="0" * 64)
    fixed = {
        "upload": "uploads/none.png",
        "sha256": bytes(32),
        "size": 1,
        "format": "PNG",
        "probabilities_float32": np.full(10, 0.1, np.float32).tobytes(),
        "pixels_zlib": zlib.compress(bytes(28 * 28)),
        "duration_us": 1,
        "version": version,
    }

    def add_prediction(digit=7, confidence=0.99, reason="", created_at=None, **others):
        facts = {"digit": digit, "confidence": confidence, "reason": reason}
        prediction = Prediction.objects.create(**fixed | facts | others)
        if created_at:
            Prediction.objects.filter(pk=prediction.pk).update(created_at=created_at)
        return prediction

    return add_prediction


@pytest.fixture
def person(django_user_model):
    """A member of staff in the groups that are named."""

    def create(name="reviewer", *groups):
        user = django_user_model.objects.create_user(name, is_staff=True)
        user.groups.set(Group.objects.filter(name__in=groups))
        return user

    return create


@pytest.fixture
def bearer(django_user_model):
    """Makes a key of somebody without rights, or of `owner`; gives its row and its header.

    It is not checked: an owner may have lost a right, a key may have expired.
    """

    def issue(*scopes, owner=None, **facts):
        owner = owner or django_user_model.objects.get_or_create(username="program")[0]
        key = ApiKey(name="robot", owner=owner, scopes=list(scopes), **facts)
        text = key.draw()
        key.save()
        return key, {"HTTP_AUTHORIZATION": f"Bearer {text}"}

    return issue
