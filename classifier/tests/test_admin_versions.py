from unittest.mock import Mock

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from classifier import registry, reviewed, training
from classifier.models import NOT_A_DIGIT, Prediction, Promotion
from ml.dataset import Arrays

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/modelversion/"


@pytest.fixture
def candidate(version):
    registry.active()
    return version("candidate")


@pytest.fixture
def worse(version):
    registry.active()
    return version("worse", metrics={"test_accuracy": 0.9})


def clerk(client, django_user_model, *rights):
    """Log somebody in who may do only this."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def test_one_click_and_a_confirmation_let_a_version_answer(admin_client, candidate):
    assert f"{candidate.pk}/promote" in admin_client.get(f"{LIST}{candidate.pk}/change/").text
    assert "The gate: passed" in admin_client.get(f"{LIST}{candidate.pk}/promote").text
    admin_client.post(f"{LIST}{candidate.pk}/promote")
    assert registry.active() == candidate
    assert "instead of" in LogEntry.objects.get().get_change_message()


def test_the_page_shows_why_a_candidate_is_held_back(admin_client, worse):
    page = admin_client.get(f"{LIST}{worse.pk}/promote").text
    assert "The gate: not passed" in page
    assert "WORSE" in page
    admin_client.post(f"{LIST}{worse.pk}/promote")
    assert registry.active() != worse


def test_overruling_is_recorded_with_the_reason_and_the_name(admin_client, admin_user, worse):
    admin_client.post(f"{LIST}{worse.pk}/promote", {"reason": "for a demonstration"})
    promotion = Promotion.objects.first()
    assert (promotion.version, promotion.promoted_by) == (worse, admin_user)
    assert promotion.overruled_because == "for a demonstration"
    assert "for a demonstration" in LogEntry.objects.get().get_change_message()


def test_promoting_takes_the_permission(client, django_user_model, candidate):
    staff = clerk(client, django_user_model, "view_modelversion")
    assert "promote" not in staff.get(f"{LIST}{candidate.pk}/change/").text
    assert staff.post(f"{LIST}{candidate.pk}/promote").status_code == 403


def test_promoters_may_not_overrule_the_gate(client, person, worse):
    client.force_login(person("ann", "Promoters"))
    assert "may not override" in client.get(f"{LIST}{worse.pk}/promote").text
    assert client.post(f"{LIST}{worse.pk}/promote", {"reason": "x"}).status_code == 403


def test_a_promoter_who_was_given_the_permission_may_overrule(client, person, worse):
    ann = person("ann", "Promoters")
    ann.user_permissions.add(Permission.objects.get(codename="overrule"))
    client.force_login(ann)
    client.post(f"{LIST}{worse.pk}/promote", {"reason": "the odd sevens"})
    assert registry.active() == worse
    assert Promotion.objects.first().overruled_because == "the odd sevens"


def test_a_problem_is_shown_in_the_list(admin_client, candidate):
    registry.note_problem(candidate, "here: candidate.tflite is missing.")
    assert "candidate.tflite is missing." in admin_client.get(LIST).text


def test_the_report_of_a_version_is_one_click_away(admin_client, candidate):
    default_storage.save(registry.report_path(candidate), ContentFile(b"<h1>Report</h1>"))
    assert f"{candidate.pk}/report" in admin_client.get(f"{LIST}{candidate.pk}/change/").text
    response = admin_client.get(f"{LIST}{candidate.pk}/report")
    assert response.getvalue() == b"<h1>Report</h1>"
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_report_has_the_held_out_mistakes_where_the_admin_shows_them(
    admin_client, candidate, post, monkeypatch
):
    read_wrong, no_digit = post("7_paint.png").json()["id"], post("3_paint.png").json()["id"]
    Prediction.objects.filter(pk=read_wrong).update(label=1)
    Prediction.objects.filter(pk=no_digit).update(label=NOT_A_DIGIT)
    monkeypatch.setattr(reviewed, "is_held_out", lambda upload: True)
    test = Arrays(np.stack([Prediction.objects.get(pk=no_digit).pixels]), np.array([3]))
    training._judge(candidate, test, Mock())
    page = admin_client.get(f"{LIST}{candidate.pk}/report").getvalue().decode()
    assert f'src="/admin/classifier/prediction/{read_wrong}/thumbnail"' in page
    assert "held-out reviewed uploads that show a digit</td><td>1<" in page
    assert "data:image" not in page  # what it read right of the test images, and no upload
    assert "held-out reviewed uploads (2)" in admin_client.get(f"{LIST}{candidate.pk}/change/").text


def test_a_version_without_a_report_offers_none(admin_client, candidate):
    assert "/report" not in admin_client.get(f"{LIST}{candidate.pk}/change/").text
    assert admin_client.get(f"{LIST}{candidate.pk}/report").status_code == 404
