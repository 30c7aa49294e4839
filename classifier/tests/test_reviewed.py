from hashlib import sha256

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from classifier import reviewed
from classifier.models import Prediction
from classifier.reviewed import Reviewed

PICTURES = [f"picture {number}".encode() for number in range(100)]


@pytest.fixture
def uploads(media, monkeypatch):
    """A hundred reviewed uploads, each one sent twice."""
    found = [
        Reviewed(
            default_storage.save(f"uploads/{number}.png", ContentFile(picture)),
            number % 10,
            sha256(picture).digest(),
        )
        for number, picture in enumerate(PICTURES * 2)
    ]
    monkeypatch.setattr(reviewed, "reviewed_uploads", lambda: found)
    return found


def test_no_picture_is_on_both_sides(uploads):
    learnt = {each.content for each in reviewed.to_learn()}
    held = {each.content for each in reviewed.held_out(1000)}
    assert learnt | held == set(PICTURES)
    assert not learnt & held


def test_about_a_fifth_is_held_out(uploads):
    assert 20 < sum(map(reviewed.is_held_out, uploads)) < 60


def test_the_newest_are_held_out_when_there_are_many(uploads):
    newest = [each.label for each in reversed(uploads) if reviewed.is_held_out(each)]
    assert [each.label for each in reviewed.held_out(3)] == newest[:3]


def test_an_erased_upload_is_left_out(uploads):
    for each in uploads[1:]:
        default_storage.delete(each.path)
    assert len(reviewed.to_learn()) + len(reviewed.held_out(10)) == 1


def test_the_label_of_an_upload_is_what_counts(db, post):
    post("7_paint.png")
    second = post("3_paint.png").json()["id"]
    Prediction.objects.filter(pk=second).update(label=8)
    (found,) = reviewed.reviewed_uploads()
    assert (found.label, found.pk) == (8, second)
    assert found.sha256 == bytes(Prediction.objects.get(pk=second).sha256)
