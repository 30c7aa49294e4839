import shutil

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from classifier import inference, registry


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A folder of its own for what a test uploads and trains."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def nothing_loaded():
    """Versions and their rows are looked up anew by each test."""
    inference.forget()
    registry.row.cache_clear()


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
