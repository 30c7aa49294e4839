import io
import zipfile
from datetime import date

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.storage import default_storage
from django.db import IntegrityError

from classifier import erasure, export, replay, review, reviewed, statistics
from classifier.models import Prediction, ReviewClaim

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/prediction/"


@pytest.fixture
def erase(django_capture_on_commit_callbacks):
    """Erases all uploads, or some, to the end."""

    def erase_now(**chosen):
        with django_capture_on_commit_callbacks(execute=True):
            return erasure.erase(Prediction.objects.filter(**chosen))

    return erase_now


@pytest.fixture
def kept(post):
    """An upload in the history."""
    return Prediction.objects.get(pk=post("7_paint.png", name="seven.png").json()["id"])


def test_nothing_of_the_upload_is_left_but_its_answer(kept, erase, files):
    assert erase() == 1
    row = Prediction.objects.get()
    assert files() == []
    assert [row.upload.name, row.original_name, row.request_id, row.sha256_hex] == [""] * 4
    assert bytes(row.pixels_zlib) == b""
    assert row.erased_at
    same = ("digit", "confidence", "reason", "version_id", "created_at", "label")
    assert [getattr(row, name) for name in same] == [getattr(kept, name) for name in same]


@pytest.mark.parametrize("view", ["thumbnail", "picture", "upload"])
def test_no_browser_stores_what_may_be_erased(kept, admin_client, view):
    assert "no-store" in admin_client.get(f"{LIST}{kept.pk}/{view}")["Cache-Control"]


def test_an_upload_is_erased_once_and_the_others_stay(post, erase, files):
    first, _ = (post().json()["id"] for _ in range(2))
    assert [erase(pk=first), erase(pk=first), len(files())] == [1, 0, 1]


def test_more_than_a_batch_is_erased(add, erase, monkeypatch):
    monkeypatch.setattr(erasure, "BATCH", 2)
    for _ in range(5):
        add()
    assert erase() == 5


def test_a_file_that_cannot_be_deleted_stops_nothing(kept, erase, monkeypatch, caplog):
    monkeypatch.setattr(default_storage, "delete", lambda path: 1 / 0)
    assert erase() == 1
    assert "could not be deleted" in caplog.text


def test_the_database_keeps_no_half_erased_row(kept):
    with pytest.raises(IntegrityError):
        Prediction.objects.update(upload="")


def test_statistics_still_count_it(kept, erase, person):
    review.correct(kept.pk, 7, person())
    erase()
    period = statistics.Period(date(2000, 1, 1), date(2100, 1, 1))
    assert statistics.uploads(period).total() == 1
    assert statistics.accuracy(statistics.reviewed(period)).of == 1


def test_it_does_not_wait_for_review(kept, erase, person):
    ann = person()
    review.claim(ann, 1)
    erase()
    assert not ReviewClaim.objects.exists()
    assert review.claim(ann, 1) == []
    assert review.waiting_count(10) == 0


def test_nobody_says_any_more_what_it_showed(kept, erase, person):
    ann = person()
    said = review.correct(kept.pk, 1, ann)
    erase()
    for too_late in (lambda: review.correct(kept.pk, 2, ann), lambda: review.undo(said, ann)):
        with pytest.raises(review.Erased, match="was erased"):
            too_late()
    assert review.correct_many(Prediction.objects.all(), 2, ann) == 0
    assert review.take_back_many(Prediction.objects.all(), ann) == 0
    with pytest.raises(review.NotYours):
        review.answer(kept.pk, 1, ann)


def test_training_and_replay_leave_it_out(kept, erase, person):
    review.correct(kept.pk, 7, person())
    erase()
    assert reviewed.reviewed_uploads() == []
    assert replay.select().count() == 0


def test_an_export_tells_that_it_was_erased_and_holds_no_picture(kept, erase):
    erase()
    (row,) = export.predictions(Prediction.objects.all())
    told = export.record(row)
    assert (told["digit"], told["sha256"], bool(told["erased_at"])) == (7, "", True)
    archive = io.BytesIO(b"".join(export.as_zip([row])))
    assert zipfile.ZipFile(archive).namelist() == []


def test_the_admin_says_so(kept, erase, admin_client):
    erase()
    assert "erased" in admin_client.get(LIST).text
    page = admin_client.get(f"{LIST}{kept.pk}/change/").text
    assert "was erased on" in page
    assert "Read as <strong>7</strong>" in page
    assert "<img" not in page.split('class="answer-line"')[1].split('class="bars"')[0]
    for view in ("thumbnail", "picture", "upload"):
        assert admin_client.get(f"{LIST}{kept.pk}/{view}").status_code == 404


# From the list


def act(client, *pks, **others):
    form = {"action": "erase", "_selected_action": pks, **others}
    return client.post(LIST, form, follow=True)


def test_the_list_asks_before_it_erases(kept, admin_client):
    page = act(admin_client, kept.pk, index="0").text
    assert "<strong>1</strong> upload would be erased" in page
    assert f'name="_selected_action" value="{kept.pk}"' in page
    assert Prediction.objects.filter(erased_at=None).exists()


def test_the_list_erases_what_was_confirmed_and_notes_who_did(post, admin_client, admin_user):
    first, second = (post().json()["id"] for _ in range(2))
    assert "1 upload was erased" in act(admin_client, first, confirmed="yes").text
    assert Prediction.objects.get(erased_at=None).pk == second
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user, entry.change_message) == (
        str(first),
        admin_user,
        "Erased.",
    )


def test_all_that_a_filter_finds_can_be_erased(add, admin_client):
    for digit in (7, 7, 3):
        add(digit=digit)
    form = {"action": "erase", "_selected_action": [1], "confirmed": "yes", "select_across": "1"}
    admin_client.post(f"{LIST}?digit=7", form)
    assert [each.digit for each in Prediction.objects.filter(erased_at=None)] == [3]


def test_who_may_only_review_cannot_erase(kept, client, person):
    client.force_login(person("ann", "Promoters"))
    assert "Erase for good" not in client.get(LIST).text
    act(client, kept.pk, confirmed="yes")
    assert Prediction.objects.filter(erased_at=None).exists()
