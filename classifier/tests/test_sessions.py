"""Sessions of staff: their cookies, their beginning and their end."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
INDEX = "/admin/"


@pytest.fixture
def sign_in(django_user_model):
    """Signs somebody in by the form; gives the response."""
    django_user_model.objects.create_superuser("boss", password="right")

    def post(client, password="right"):
        return client.post(f"{LOGIN}?next={INDEX}", {"username": "boss", "password": password})

    return post


def test_its_cookie_is_for_no_script_and_no_other_site(sign_in, client):
    cookie = sign_in(client).cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


def test_a_session_that_somebody_planted_is_not_the_one_that_begins(sign_in, client):
    client.cookies["sessionid"] = planted = "0" * 32
    sign_in(client)
    assert client.cookies["sessionid"].value != planted
    other = Client()
    other.cookies["sessionid"] = planted
    assert other.get(INDEX).status_code == 302


@pytest.mark.parametrize("end", ["log out", "new password", "closed account"])
def test_it_ends(sign_in, client, django_user_model, end):
    sign_in(client)
    assert client.get(INDEX).status_code == 200
    stolen = Client()
    stolen.cookies["sessionid"] = client.cookies["sessionid"].value
    boss = django_user_model.objects.get()
    if end == "log out":
        client.post("/admin/logout/")
    elif end == "new password":
        boss.set_password("other")
    else:
        boss.is_active = False
    boss.save()
    assert stolen.get(INDEX).status_code == 302


def test_a_wrong_password_is_refused_without_a_hint_which_part_was_wrong(sign_in, client):
    wrong = sign_in(client, "wrong").text
    form = {"username": "nobody", "password": "wrong"}
    other = client.post(f"{LOGIN}?next={INDEX}", form).text
    sentence = "Please enter the correct username and password"
    assert sentence in wrong
    assert sentence in other
    assert "sessionid" not in client.cookies
