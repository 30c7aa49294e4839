import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from classifier import registry, runs, training
from classifier.models import TrainingRun

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/training-runs"
PAGE = "/admin/classifier/trainingrun/"
PLAIN = {"corrections": False, "name": "net"}


def clerk(django_user_model, *rights, **fields):
    """Somebody with these permissions and no more."""
    user = django_user_model.objects.create_user("clerk", **{"is_staff": True, **fields})
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def test_a_training_is_started_listed_and_told(admin_client, admin_user):
    response = admin_client.post(RUNS, PLAIN, "application/json")
    told = response.json()
    assert (response.status_code, told["state"], told["started_by"]) == (201, "waiting", "admin")
    assert admin_client.get(RUNS).json()["results"] == [
        admin_client.get(f"{RUNS}/{told['id']}").json()
    ]


def test_a_training_is_handed_to_a_worker(admin_client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(RUNS, PLAIN, "application/json")
    assert TrainingRun.objects.get().task_id


def test_the_form_says_how_many_epochs_there_are(admin_client):
    text = admin_client.get(f"{PAGE}add/").text
    for epochs in (training.EPOCHS_MORE, training.EPOCHS, training.EPOCHS_TEACHER):
        assert re.search(rf"Leave empty for .*\b{epochs}\b", text)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"corrections": True}, 400, "no reviewed uploads"),
        ({"epochs": 0}, 400, "epochs"),
        ({"name": "../net"}, 400, "Expected a name"),
        ({"start": "nowhere"}, 422, "no version 'nowhere'"),
        ({"network": "transformer"}, 400, "network"),
    ],
)
def test_a_bad_request_is_told_why(admin_client, fields, status, words):
    response = admin_client.post(RUNS, PLAIN | fields, "application/json")
    assert response.status_code == status
    assert words in response.json()["detail"]
    assert not TrainingRun.objects.exists()


def test_a_body_that_is_not_json_is_a_400(admin_client):
    assert admin_client.post(RUNS, "{", "application/json").status_code == 400


def test_a_taken_name_and_a_second_run_are_conflicts(admin_client):
    taken = PLAIN | {"name": registry.active().name}
    assert admin_client.post(RUNS, taken, "application/json").status_code == 409
    admin_client.post(RUNS, PLAIN, "application/json")
    response = admin_client.post(RUNS, PLAIN | {"name": "other"}, "application/json")
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_a_run_is_cancelled_and_resumed(admin_client):
    address = f"{RUNS}/{admin_client.post(RUNS, PLAIN, 'application/json').json()['id']}"
    assert admin_client.post(f"{address}/cancel").json()["state"] == "cancelled"
    assert admin_client.post(f"{address}/resume").json()["state"] == "waiting"
    assert admin_client.post(f"{address}/resume").status_code == 409


@pytest.mark.parametrize("path", [RUNS, f"{RUNS}/1", f"{RUNS}/1/cancel", f"{RUNS}/1/resume"])
def test_nobody_without_the_permission_gets_in(client, django_user_model, path):
    method = client.post if path.endswith(("cancel", "resume")) else client.get
    assert method(path).status_code == 401
    client.force_login(clerk(django_user_model, "view_trainingrun"))
    assert method(path).status_code == 403


def test_the_permission_alone_is_not_enough_without_being_staff(client, django_user_model):
    client.force_login(clerk(django_user_model, "train", is_staff=False))
    assert client.get(RUNS).status_code == 403


def test_staff_with_the_permission_may_train(client, django_user_model):
    client.force_login(clerk(django_user_model, "train"))
    assert client.post(RUNS, PLAIN, "application/json").status_code == 201


def test_a_key_trains_if_its_scope_and_its_owner_may(client, django_user_model, bearer):
    trainer = clerk(django_user_model, "train")
    for scopes, status in ((["train"], 201), (["read", "review"], 403)):
        _, header = bearer(*scopes, owner=trainer)
        assert client.post(RUNS, PLAIN, "application/json", **header).status_code == status
    assert TrainingRun.objects.get().started_by == trainer
    _, header = bearer("train")
    assert client.get(RUNS, **header).status_code == 403


def test_starting_by_a_session_takes_a_csrf_token(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(RUNS, PLAIN, "application/json").status_code == 403


def test_an_unknown_run_is_a_404(admin_client):
    assert admin_client.get(f"{RUNS}/99").json()["code"] == "not_found"


def test_the_page_starts_a_training_and_shows_it(admin_client):
    assert "Start from" in admin_client.get(f"{PAGE}add/").text
    page = admin_client.post(f"{PAGE}add/", {"name": "net", "weight": 20}, follow=True).text
    assert "classifier/training-run.js" in page
    assert "Cancel the training" in page
    assert LogEntry.objects.get().get_change_message() == "Started the training."


def test_the_page_says_why_a_training_is_refused(admin_client):
    page = admin_client.post(f"{PAGE}add/", {"corrections": "on", "weight": 20}).text
    assert "no reviewed uploads" in page


def test_the_page_has_no_inline_script_or_style(admin_client):
    address = f"{PAGE}{admin_client.post(RUNS, PLAIN, 'application/json').json()['id']}/change/"
    page = admin_client.get(address).text
    assert "<script>" not in page
    assert "style=" not in page


def test_the_page_cancels_and_resumes(admin_client):
    pk = admin_client.post(RUNS, PLAIN, "application/json").json()["id"]
    admin_client.post(f"{PAGE}{pk}/cancel")
    assert "Resume" in admin_client.get(f"{PAGE}{pk}/change/").text
    admin_client.post(f"{PAGE}{pk}/resume")
    assert TrainingRun.objects.get().state == "waiting"


def test_the_page_takes_the_permission(client, django_user_model, admin_user):
    run = runs.create("net", plan={})
    client.force_login(clerk(django_user_model, "view_trainingrun"))
    assert client.get(f"{PAGE}add/").status_code == 403
    assert client.post(f"{PAGE}{run.pk}/cancel").status_code == 403
    assert "Cancel the training" not in client.get(f"{PAGE}{run.pk}/change/").text
