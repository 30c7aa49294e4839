"""Keys in the admin and on the command line."""

import json
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

from classifier.models import ApiKey

pytestmark = pytest.mark.django_db
KEYS = "/admin/classifier/apikey/"
FORM = {"name": "robot", "scopes": ["classify", "read"]}


def keeper(person, *rights):
    """Staff who may look after keys, and no superuser."""
    someone = person("keeper")
    codenames = [f"{each}_apikey" for each in ("view", "add", "change")]
    someone.user_permissions.set(Permission.objects.filter(codename__in=[*codenames, *rights]))
    return someone


def test_a_new_key_is_shown_once_and_works(admin_client, admin_user, post, settings):
    settings.MNIST_REQUIRE_KEY = True
    page = admin_client.post(f"{KEYS}add/", FORM | {"owner": admin_user.pk})
    key = ApiKey.objects.get()
    text = page.context["key"].shown_once
    assert page.text.count(text) == 2
    assert "no-store" in page["Cache-Control"]
    assert post(HTTP_AUTHORIZATION=f"Bearer {text}").status_code == 200
    for address in (KEYS, f"{KEYS}{key.pk}/change/", f"{KEYS}{key.pk}/history/"):
        assert text.split("_", 2)[2] not in admin_client.get(address).text


def test_both_parts_of_the_moment_a_key_ends_have_a_label(admin_client):
    page = admin_client.get(f"{KEYS}add/").text
    assert 'aria-label="Expires on"' in page
    assert 'aria-label="Expires at"' in page


def test_the_form_says_what_a_key_could_not_do(admin_client, person):
    clerk = person("clerk")
    form = FORM | {"owner": clerk.pk, "scopes": ["train"]}
    assert "clerk is not staff with the permission to train" in (
        admin_client.post(f"{KEYS}add/", form).text
    )
    assert not ApiKey.objects.exists()


def test_others_than_superusers_make_and_see_only_their_own(client, person, bearer, admin_user):
    key, _ = bearer("read", owner=admin_user)
    someone = keeper(person)
    client.force_login(someone)
    client.post(f"{KEYS}add/", FORM | {"owner": admin_user.pk})
    assert ApiKey.objects.latest("pk").owner == someone
    assert f"{KEYS}{key.pk}/change/" not in client.get(KEYS).text
    assert client.post(f"{KEYS}{key.pk}/revoke").status_code == 404


def test_others_than_superusers_cannot_make_a_key_that_may_more_than_they(client, person):
    client.force_login(keeper(person))
    page = client.post(f"{KEYS}add/", FORM | {"scopes": ["train"]})
    assert "keeper is not staff with the permission to train" in page.text


def test_a_key_is_revoked_after_a_question_and_then_stays_as_it_is(admin_client, bearer, post):
    key, _ = bearer("classify", "read")
    assert "will get 401" in admin_client.get(f"{KEYS}{key.pk}/revoke").text
    key.refresh_from_db()
    assert key.state == "usable"
    admin_client.post(f"{KEYS}{key.pk}/revoke")
    key.refresh_from_db()
    assert key.state == "revoked"
    assert LogEntry.objects.get().get_change_message() == "Revoked it."
    assert admin_client.post(f"{KEYS}{key.pk}/change/", FORM).status_code == 403
    assert admin_client.post(f"{KEYS}{key.pk}/revoke").status_code == 403


def test_what_a_key_may_is_changed_and_its_secret_is_not(admin_client, bearer):
    key, _ = bearer("classify")
    admin_client.post(f"{KEYS}{key.pk}/change/", FORM | {"daily_quota": 5, "prefix": "0" * 12})
    changed = ApiKey.objects.get()
    assert (changed.scopes, changed.daily_quota) == (["classify", "read"], 5)
    assert (changed.prefix, changed.secret_sha256) == (key.prefix, key.secret_sha256)


def test_no_key_is_deleted(admin_client, bearer):
    key, _ = bearer("classify")
    assert admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.exists()


def test_revoked_keys_are_listed_apart(admin_client, bearer):
    used, _ = bearer("read")
    revoked, _ = bearer("read")
    revoked.revoke()
    for value, expected in (("no", used), ("yes", revoked)):
        listed = admin_client.get(f"{KEYS}?revoked={value}").context["cl"]
        assert list(listed.result_list) == [expected]


def test_a_key_leads_to_its_uploads(admin_client, bearer, post):
    key, header = bearer("classify", daily_quota=5)
    mine, _ = post(**header).json()["id"], post()
    page = admin_client.get(f"{KEYS}{key.pk}/change/").text
    assert f"/admin/classifier/prediction/?key={key.pk}" in page
    assert "1 of 5" in page
    listed = admin_client.get(f"/admin/classifier/prediction/?key={key.pk}").context["cl"]
    assert [each.pk for each in listed.result_list] == [mine]


def create(*arguments):
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_prints_the_key_alone(admin_user):
    text = create("nightly", "--owner", "admin", "--scopes", "train", "read", "--quota", "9")
    key = ApiKey.objects.matching(text.removesuffix("\n"))
    assert (key.name, key.scopes, key.daily_quota) == ("nightly", ["train", "read"], 9)


def test_the_command_takes_the_day_a_key_ends(admin_user):
    create("nightly", "--owner", "admin", "--expires", "2099-12-31")
    assert ApiKey.objects.get().expires_at.isoformat() == "2099-12-31T00:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--owner", "nobody"], "no account 'nobody'"),
        (["--owner", "admin", "--expires", "2001-01-01"], "has passed"),
        (["--owner", "admin", "--quota", "0"], "greater than or equal to 1"),
        (["--owner", "admin", "--expires", "tomorrow"], "invalid day value"),
        (["--owner", "admin", "--scopes", "fly"], "invalid choice: 'fly'"),
    ],
)
def test_the_command_says_what_is_wrong(admin_user, arguments, words):
    with pytest.raises(CommandError, match=words):
        create("nightly", *arguments)


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_keys_are_listed_without_their_secrets(admin_user):
    text = create("nightly", "--owner", "admin", "--scopes", "train", "read").strip()
    secret = text.split("_", 2)[2]
    listed = run("list_api_keys")
    for word in (ApiKey.objects.get().beginning, "nightly", "admin", "train,read", "never used"):
        assert word in listed
    assert secret not in listed + run("list_api_keys", "--json")
    assert json.loads(run("list_api_keys", "--json"))["state"] == "usable"


def test_keys_are_revoked_by_what_they_begin_with_or_whole(bearer, client):
    key, header = bearer("read")
    other, whole = bearer("read")
    whole = whole["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    assert "would be revoked" in run("revoke_api_key", key.beginning, "--dry-run")
    assert client.get("/api/v1/predictions", **header).status_code == 200
    said = run("revoke_api_key", key.beginning, whole)
    assert "is revoked" in said
    assert whole not in said
    assert client.get("/api/v1/predictions", **header).status_code == 401
    assert "was revoked on" in run("revoke_api_key", other.beginning)


def test_of_unknown_keys_none_is_revoked_and_no_secret_is_said(bearer):
    key, _ = bearer("read")
    with pytest.raises(CommandError, match=r"no key mnist_0a1b2c3d4e5f\.$"):
        run("revoke_api_key", key.prefix, "mnist_0a1b2c3d4e5f_secret")
    assert not ApiKey.objects.get().revoked_at
