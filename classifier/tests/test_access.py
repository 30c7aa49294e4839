"""Keys: what is kept of them, what they open, and what they do not."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from classifier import history, inference
from classifier.api.access import MayClassify, MayRead, MayReview, MayTrain, readable
from classifier.models import ApiKey, OverQuota, Prediction

pytestmark = pytest.mark.django_db
BAD = {
    "basic": "Basic !!!",
    "no key": "Bearer",
    "unknown": "Bearer mnist_0a1b2c3d4e5f_" + "x" * 43,
    "no prefix": "Bearer mnist_x",
    "other mark": "Bearer sk_0a1b2c3d4e5f_xyz",
    "not ASCII": "Bearer mnist_\xe9",
    "NUL": "Bearer mnist_0a1b2c3d4e5f_a\0b",
    "long": "Bearer " + "a" * 100_000,
}


def asked(user=None, auth=None):
    """A request as the permissions see it."""
    request = RequestFactory().get("/")
    request.user, request.auth = user or AnonymousUser(), auth
    return request


def test_only_the_digest_of_a_key_is_kept(admin_user):
    key, text = ApiKey.objects.issue(name="robot", owner=admin_user, scopes=["read"])
    secret = text.split("_", 2)[2]
    assert len(secret) >= 43  # 256 bits in base 64
    assert bytes(key.secret_sha256) == hashlib.sha256(secret.encode()).digest()
    with connection.cursor() as cursor:
        kept = cursor.execute("select * from classifier_apikey").fetchone()
    assert secret not in str(kept)


def test_a_key_is_found_by_all_of_itself(admin_user):
    key, text = ApiKey.objects.issue(name="robot", owner=admin_user, scopes=["read"])
    assert ApiKey.objects.matching(text) == key
    for other in (text[:-1], text + "x", text.upper(), f" {text}", text.split("_", 2)[2], ""):
        assert ApiKey.objects.matching(other) is None


def test_a_key_is_compared_in_constant_time_also_when_there_is_none(admin_user, monkeypatch):
    _, text = ApiKey.objects.issue(name="robot", owner=admin_user, scopes=["read"])
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return constant_time_compare(one, other)

    monkeypatch.setattr("classifier.models.access.constant_time_compare", compare)
    assert ApiKey.objects.matching(text)
    assert not ApiKey.objects.matching(text[:-1] + "!")
    assert not ApiKey.objects.matching("mnist_000000000000_x")
    assert compared == [(32, 32)] * 3  # digests of one length


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"scopes": ["classify", "fly"]}, "no scope 'fly'"),
        ({"scopes": []}, "cannot be blank"),
        ({"scopes": ["train"]}, "not staff with the permission to train"),
        ({"scopes": ["review"]}, "not staff with the permission to review"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "has passed"),
        ({"daily_quota": 0}, "greater than or equal to 1"),
    ],
)
def test_a_key_that_could_not_do_what_it_is_for_is_not_made(person, facts, words):
    with pytest.raises(ValidationError, match=words):
        ApiKey.objects.issue(**{"name": "x", "owner": person(), "scopes": ["read"], **facts})
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_a_bad_header_is_a_401_when_keys_are_required_and_nothing_else(
    post, settings, files, header
):
    assert post(HTTP_AUTHORIZATION=header).status_code == 200
    settings.MNIST_REQUIRE_KEY = True
    response = post(HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="digits"'
    assert len(files()) == Prediction.objects.count() == 1


def test_without_a_header_the_answer_is_401_when_keys_are_required(post, settings):
    settings.MNIST_REQUIRE_KEY = True
    response = post()
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"]


@pytest.mark.parametrize("required", [False, True])
def test_an_upload_belongs_to_the_key_it_came_with(post, settings, bearer, required):
    settings.MNIST_REQUIRE_KEY = required
    key, header = bearer("classify")
    assert post(**header).status_code == 200
    assert Prediction.objects.get().key == key


UNUSABLE = {
    "revoked": {"revoked_at": timezone.now()},
    "expired": {"expires_at": timezone.now() - timedelta(seconds=1)},
}


@pytest.mark.parametrize("facts", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_is_over_is_a_401_and_as_none_where_none_is_needed(
    post, settings, bearer, facts
):
    _, header = bearer("classify", **facts)
    assert post(**header).status_code == 200
    assert Prediction.objects.get().key is None
    settings.MNIST_REQUIRE_KEY = True
    response = post(**header)
    assert (response.status_code, response.json()["code"]) == (401, "unusable_key")


def test_a_key_ends_with_its_owners_account(post, settings, bearer, django_user_model):
    settings.MNIST_REQUIRE_KEY = True
    _, header = bearer("classify")
    django_user_model.objects.update(is_active=False)
    assert post(**header).status_code == 401


@pytest.mark.parametrize("required", [False, True])
def test_a_key_without_the_scope_is_a_403(post, settings, bearer, files, required):
    settings.MNIST_REQUIRE_KEY = required
    _, header = bearer("read", "review", "train")
    response = post(**header)
    assert (response.status_code, response.json()["code"]) == (403, "wrong_scope")
    assert "'classify'" in response.json()["detail"]
    assert not files()


def test_the_last_use_is_written_once_a_minute(post, bearer, django_assert_num_queries):
    key, header = bearer("classify")
    post(**header)
    key.refresh_from_db()
    first = key.last_used_at
    with django_assert_num_queries(2):  # the key, the row of the upload
        post(**header)
    key.refresh_from_db()
    assert key.last_used_at == first
    key.last_used_at = first - timedelta(minutes=1)
    key.save()
    post(**header)
    key.refresh_from_db()
    assert key.last_used_at > first


@pytest.mark.parametrize(
    ("permission", "scope", "alone"),
    [
        (MayClassify, "classify", True),
        (MayRead, "read", True),
        (MayReview, "review", False),
        (MayTrain, "train", False),
    ],
)
def test_a_scope_opens_one_thing_and_no_more_than_its_owner_may(
    settings, bearer, admin_user, permission, scope, alone
):
    settings.MNIST_REQUIRE_KEY = True

    def allowed(*scopes, owner=None):
        key, _ = bearer(*scopes, owner=owner)
        return permission().has_permission(asked(key.owner, key), None)

    others = {"classify", "read", "review", "train"} - {scope}
    assert allowed(scope, owner=admin_user)
    assert not allowed(*others, owner=admin_user)
    assert allowed(scope) is alone


def test_staff_need_the_permission_and_others_get_nothing(settings, person):
    settings.MNIST_REQUIRE_KEY = True

    def doors(user):
        return [
            may().has_permission(asked(user), None)
            for may in (MayClassify, MayRead, MayReview, MayTrain)
        ]

    assert doors(None) == [False, False, False, False]
    assert doors(person("new")) == [True, False, False, False]
    assert doors(person("viewer", "Viewers")) == [True, True, False, False]
    assert doors(person("reviewer", "Reviewers")) == [True, True, True, False]
    assert doors(person("trainer", "Trainers")) == [True, True, True, True]


def test_a_key_reads_its_own_uploads_or_all_if_its_owner_may(add, bearer, person):
    mine, _ = bearer("read")
    theirs, _ = bearer("read", owner=person("viewer", "Viewers"))
    own, other = add(key=mine), add()
    assert list(readable(asked(mine.owner, mine))) == [own]
    assert list(readable(asked(theirs.owner, theirs))) == [other, own]
    assert not readable(asked()).exists()


def test_a_key_over_its_quota_is_a_429_until_the_day_ends(post, bearer, files):
    key, header = bearer("classify", daily_quota=2)
    assert [post(**header).status_code for _ in range(3)] == [200, 200, 429]
    response = post(**header)
    assert response.json()["code"] == "over_quota"
    assert 1 <= int(response["Retry-After"]) <= 24 * 3600
    assert len(files()) == Prediction.objects.count() == 2
    yesterday = timezone.now().date() - timedelta(days=1)
    ApiKey.objects.filter(pk=key.pk).update(counted_on=yesterday)
    assert post(**header).status_code == 200


def test_what_is_refused_does_not_count(post, bearer):
    _, header = bearer("classify", daily_quota=1)
    assert post(b"no picture", **header).status_code == 404
    assert post(**header).status_code == 200


def test_two_at_once_do_not_pass_the_quota(bearer, sample, files):
    """Both have looked before either was counted."""
    key, _ = bearer("classify", daily_quota=1)
    guess = inference.classify(sample("7_paint.png"))
    key.refuse_over_quota()
    history.keep(sample("7_paint.png"), guess, key=key)
    with pytest.raises(OverQuota, match="1 pictures a day"):
        history.keep(sample("7_paint.png"), guess, key=key)
    assert len(files()) == Prediction.objects.count() == 1


def test_what_could_not_be_kept_does_not_count(post, bearer, monkeypatch):
    _, header = bearer("classify", daily_quota=1)
    with monkeypatch.context() as broken:
        broken.setattr(history, "_insert", lambda prediction: 1 / 0)
        assert post(**header).status_code == 503
    assert post(**header).status_code == 200
