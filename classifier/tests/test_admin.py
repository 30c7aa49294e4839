import re

import pytest
from django.contrib.auth.models import Permission

from classifier.models import Prediction

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/prediction/"


@pytest.fixture
def kept(post):
    """A prediction in the history."""
    return Prediction.objects.get(pk=post("7_paint.png", name="seven.png").json()["id"])


def test_the_list_shows_both_pictures_the_digit_and_the_status(admin_client, kept):
    page = admin_client.get(LIST).content.decode()
    assert f"{LIST}{kept.pk}/thumbnail" in page
    assert "data:image/png;base64," in page
    assert re.search(r"field-digit.*>7<", page)
    assert "certain" in page


def test_the_list_is_newest_first(admin_client, post):
    first, second = (post(name).json()["id"] for name in ("7_paint.png", "3_paint.png"))
    page = admin_client.get(LIST).content.decode()
    assert page.index(f"{LIST}{second}/change") < page.index(f"{LIST}{first}/change")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("digit=7", 1),
        ("digit=3", 0),
        ("status=certain", 1),
        ("status=uncertain", 0),
        ("status=low_confidence", 0),
        ("q=seven", 1),
        ("q=eight", 0),
        ("created_at__gte=2000-01-01T00:00:00Z", 1),
        ("created_at__lt=2000-01-01T00:00:00Z", 0),
    ],
)
def test_filters_and_search_find_what_they_should(admin_client, kept, query, found):
    page = admin_client.get(f"{LIST}?{query}").content.decode()
    assert page.count(f"{LIST}{kept.pk}/thumbnail") == found


def test_an_upload_is_found_by_its_digest_its_id_and_its_request(admin_client, kept):
    for term in (kept.sha256_hex, kept.pk, kept.request_id):
        assert f"{LIST}{kept.pk}/thumbnail" in admin_client.get(f"{LIST}?q={term}").content.decode()


def test_the_detail_page_shows_the_picture_ten_bars_and_the_steps(admin_client, kept):
    page = admin_client.get(f"{LIST}{kept.pk}/change/").content.decode()
    assert f"{LIST}{kept.pk}/picture" in page
    assert page.count("<meter") == 10
    assert "decoded" in page
    assert "framed" in page
    assert "other pixels" not in page


def test_the_detail_page_says_when_the_pixels_would_differ_now(admin_client, kept, post):
    other = Prediction.objects.get(pk=post("3_paint.png").json()["id"])
    Prediction.objects.filter(pk=kept.pk).update(pixels_zlib=other.pixels_zlib)
    assert "other pixels" in admin_client.get(f"{LIST}{kept.pk}/change/").content.decode()


def test_the_detail_page_shows_what_the_answer_rests_on(admin_client, kept):
    assert "rests on" in admin_client.get(f"{LIST}{kept.pk}/change/").content.decode()


def test_the_detail_page_lives_without_the_version_that_answered(admin_client, kept):
    kept.version.name = "gone"
    kept.version.save()
    page = admin_client.get(f"{LIST}{kept.pk}/change/")
    assert page.status_code == 200
    assert "rests on" not in page.content.decode()


def test_the_detail_page_says_when_the_file_is_gone(admin_client, kept):
    kept.upload.storage.delete(kept.upload.name)
    assert "is gone" in admin_client.get(f"{LIST}{kept.pk}/change/").content.decode()


def test_evidence_cannot_be_changed_added_or_deleted(admin_client, kept):
    assert admin_client.post(f"{LIST}{kept.pk}/change/", {"digit": 1}).status_code == 403
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{kept.pk}/delete/", {"post": "yes"}).status_code == 403
    kept.refresh_from_db()
    assert kept.digit == 7


def test_a_hostile_file_name_is_escaped(admin_client, kept):
    Prediction.objects.update(original_name="<img src=x onerror=alert(1)>.png")
    for address in (LIST, f"{LIST}{kept.pk}/change/"):
        assert "<img src=x" not in admin_client.get(address).content.decode()


@pytest.mark.parametrize("view", ["thumbnail", "picture"])
def test_a_shown_picture_is_drawn_anew(admin_client, kept, sample, view):
    response = admin_client.get(f"{LIST}{kept.pk}/{view}")
    assert response["Content-Type"] == "image/png"
    assert response.content != sample("7_paint.png")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_file_as_sent_is_only_ever_saved(admin_client, kept, sample):
    response = admin_client.get(f"{LIST}{kept.pk}/upload")
    assert response.getvalue() == sample("7_paint.png")
    assert response["Content-Disposition"] == 'attachment; filename="seven.png"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]


@pytest.mark.parametrize("view", ["thumbnail", "picture", "upload", "change/"])
def test_nobody_else_sees_an_upload(client, django_user_model, kept, view):
    address = f"{LIST}{kept.pk}/{view}"
    assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(django_user_model.objects.create_user("visitor"))
    assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(address).status_code == 403


def test_staff_with_the_right_to_view_see_it(client, django_user_model, kept):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_prediction"))
    client.force_login(clerk)
    assert client.get(f"{LIST}{kept.pk}/picture").status_code == 200


def test_uploads_have_no_public_address(client, kept):
    assert client.get(f"/media/{kept.upload.name}").status_code == 404


def test_the_list_takes_the_same_number_of_queries_for_more_rows(
    admin_client, post, django_assert_max_num_queries
):
    for _ in range(12):
        post()
    with django_assert_max_num_queries(12):
        admin_client.get(LIST)
