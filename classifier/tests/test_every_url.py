"""Every address of the project, asked by those who have few rights or none.

The addresses are taken from the URL resolver. One that is new is walked, too: below `admin/` it
is refused to all of these but where it is listed, elsewhere it must be put into the table.
"""

import re
import zlib
from http.cookies import Morsel

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import get_resolver

from classifier import registry
from classifier.inference import data_address
from classifier.models import Correction, ModelVersion, Prediction, Promotion

from .test_migrations import FACTS

pytestmark = pytest.mark.django_db
ID = 71
UPLOAD = "uploads/2026/11/23/0f0f0f0f.png"
MINE = ["mine.png", "request-of-mine", "a note of mine", "bytes of mine", "07" * 32]
KEYS = {"classify": [], "read": [], "review": ["review"], "train": ["train"]}  # what owners may

READERS = {"read"}  # keys without the owner's right to the history: they see their own uploads
EVERYBODY = {"nobody", "guest", "staff", *KEYS}
UPLOADERS = EVERYBODY - {"read", "review", "train"}  # a key that is sent needs the scope
BATCHERS = {"classify", "staff"}
REVIEWERS, TRAINERS, NONE = {"review"}, {"train"}, set()
LET_IN = {  # to GET, to POST; whether there is such a thing for them is another question
    "": (EVERYBODY, EVERYBODY),
    "admin": (EVERYBODY, EVERYBODY),  # leads to admin/
    "favicon.ico": (EVERYBODY, EVERYBODY),
    "docs": (EVERYBODY, EVERYBODY),  # leads to docs/
    "docs/": (EVERYBODY, EVERYBODY),
    "docs/report": (EVERYBODY, EVERYBODY),
    "docs/<slug:name>": (EVERYBODY, EVERYBODY),
    "about/report": (EVERYBODY, EVERYBODY),  # leads to docs/report
    "about/<slug:name>": (EVERYBODY, EVERYBODY),  # leads to docs/
    "healthz": (EVERYBODY, EVERYBODY),
    "readyz": (EVERYBODY, EVERYBODY),
    "metrics": (EVERYBODY, EVERYBODY),  # unless MNIST_METRICS_KEY is set
    "mnist/classify": (UPLOADERS, UPLOADERS),
    "api/v1/schema": (EVERYBODY, EVERYBODY),
    "api/v1/docs": (EVERYBODY, EVERYBODY),
    "api/v1/previews": (UPLOADERS, UPLOADERS),
    "api/v1/predictions": (READERS, UPLOADERS),
    "api/v1/predictions/batch": (UPLOADERS, UPLOADERS),
    "api/v1/predictions/<int:pk>": (READERS, READERS),
    "api/v1/predictions/<int:pk>/picture": (READERS, READERS),
    "api/v1/predictions/<int:pk>/pixels": (READERS, READERS),
    "api/v1/predictions/<int:pk>/explanation": (READERS, READERS),
    "api/v1/corrections": (READERS, REVIEWERS),
    "api/v1/models": (READERS, READERS),
    "api/v1/models/<str:name>": (READERS, READERS),
    "api/v1/models/<str:name>/activate": (NONE, NONE),
    "api/v1/training-runs": (TRAINERS, TRAINERS),
    "api/v1/training-runs/<int:pk>": (TRAINERS, TRAINERS),
    "api/v1/training-runs/<int:pk>/cancel": (TRAINERS, TRAINERS),
    "api/v1/training-runs/<int:pk>/resume": (TRAINERS, TRAINERS),
    "api/v1/batches": (BATCHERS, BATCHERS),
    "api/v1/batches/<int:pk>": (BATCHERS, BATCHERS),
    "api/v1/batches/<int:pk>/result": (BATCHERS, BATCHERS),
    "api/v1/batches/<int:pk>/cancel": (BATCHERS, BATCHERS),
    "api/v1/batches/<int:pk>/resume": (BATCHERS, BATCHERS),
}
STAFF_PAGES = {  # that any member of staff sees
    *("admin/", "admin/logout/", "admin/jsi18n/"),
    *("admin/password_change/", "admin/password_change/done/"),
}

CSRF_EXEMPT = {"admin"}
NO_COOKIE = Morsel()


def routes(resolver=None, start=""):
    """The routes of all views, as they are written in urls.py."""
    for each in (resolver or get_resolver()).url_patterns:
        route = start + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from routes(each, route)
        else:
            yield route


def address(route: str) -> str:
    """The route's address for rows that are there."""
    labels = ".".join(route.split("/")[1:3])
    models = (each for each in admin.site._registry if each._meta.label_lower == labels)
    row = next((model.objects.first() for model in models), None)
    values = {
        "pk": ID,
        "object_id": row.pk if row else ID,
        "id": ID,
        "name": registry.shipped().name,
        "content_type_id": ContentType.objects.get_for_model(Prediction).pk,
        "app_label": "classifier",
        "url": "nowhere",
    }
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route).replace("^", "").replace("$", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), plain)


@pytest.fixture(autouse=True)
def one_of_each(media, sample):
    """A row in each of our tables, all with one id, and the upload that belongs to it."""
    default_storage.save(UPLOAD, ContentFile(sample("7_paint.png") + b"bytes of mine"))
    User.objects.create_user("somebody", pk=ID)
    Group.objects.create(name="some", pk=ID)
    shipped = registry.shipped()
    shipped.pk = ID
    shipped.save()
    registry.activate(shipped)
    facts = {
        "original_name": "mine.png",
        "request_id": "request-of-mine",
        "sha256": b"\7" * 32,
        "upload": UPLOAD,
        "probabilities_float32": b"\0\0\0\x3e" * 10,
        "pixels_zlib": zlib.compress(bytes(range(196)) * 4),
    }
    changed = {"prediction": facts, "correction": FACTS["correction"] | {"note": "a note of mine"}}
    for model in apps.get_app_config("classifier").get_models():
        needed = [each for each in model._meta.fields if each.is_relation and not each.null]
        pointers = {each.name: each.related_model.objects.get(pk=ID) for each in needed}
        kind = model._meta.model_name
        if model is not ModelVersion:
            model.objects.create(pk=ID, **FACTS[kind] | changed.get(kind, {}), **pointers)


@pytest.fixture
def ask(one_of_each, bearer):
    """Makes the function that asks as somebody: a method and an address to a response."""

    def caller(who, strict=False):
        headers, user = {}, None
        if who in KEYS:
            rights = Permission.objects.filter(
                content_type__app_label="classifier", codename__in=KEYS[who]
            )
            owner = User.objects.create_user("owner", is_staff=bool(KEYS[who]))
            owner.user_permissions.set(rights)
            _, headers = bearer(who, owner=owner)
        elif who != "nobody":
            user = User.objects.create_user(
                who, is_staff=who != "guest", is_superuser=who == "boss"
            )

        client = Client(strict, raise_request_exception=False)

        def asked(method, address):
            if user and not client.cookies.get("sessionid", NO_COOKIE).value:
                client.force_login(user)  # again: it has just asked to be logged out
            return client.generic(method, address, b"{}", "application/json", **headers)

        return asked

    return caller


def content(response) -> bytes:
    return response.getvalue() if response.streaming else response.content


def shown(response) -> list[str]:
    """What of the history an answer holds."""
    text = content(response).decode(errors="replace")
    pixels = data_address(Prediction.objects.get(pk=ID).pixels)
    return [each for each in [*MINE, pixels] if each in text]


def kept() -> list:
    """All that nobody of these may change."""
    tables = [Prediction, Correction, Promotion, ModelVersion, Group]
    return [table.objects.filter(pk=ID).values().get() for table in tables]


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_nobody_without_rights_sees_or_changes_the_history_anywhere(who, ask):
    asked, before = ask(who), kept()
    for route in routes():
        for method in ("GET", "POST", "PUT", "DELETE"):
            response = asked(method, address(route))
            said = f"{method} {route}: {response.status_code}"
            assert response.status_code < 500, said
            assert not shown(response), said
            if response.get("Content-Type", "").startswith("image/"):
                assert route == "favicon.ico", said
    assert kept() == before


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_each_address_lets_in_whom_it_is_for(who, ask):
    asked = ask(who)
    for route in routes():
        for method, may in zip(("GET", "POST"), LET_IN.get(route, (None, None)), strict=True):
            response = asked(method, address(route))
            said = f"{method} {route}: {response.status_code}"
            if route.startswith("admin/"):
                assert_admin_is_closed(who, route, response, said)
            else:
                refused = response.status_code in (401, 403)
                assert may is not None, f"{route} is new: say in LET_IN whom it lets in."
                assert refused == (who not in may), said


def assert_admin_is_closed(who, route, response, said):
    """To all but staff it is a login; to staff without rights a few pages that show nothing."""
    if route == "admin/login/":
        assert response.status_code in (200, 302), said
    elif who != "staff":
        assert response.status_code == 302, said
        assert response["Location"].startswith(("/admin/login/?next=", "/admin/")), said
    elif route not in STAFF_PAGES:
        assert response.status_code in (302, 403, 404, 405), said


def test_no_post_of_a_session_counts_without_its_csrf_token(ask):
    asked, before = ask("boss", strict=True), kept()
    for route in routes():
        response = asked("POST", address(route))
        closed = response.status_code in (403, 404, 405)
        assert closed or route in CSRF_EXEMPT, f"{route}: {response.status_code}"
    assert kept() == before


@pytest.mark.parametrize("path", ["/static/", "/static/classifier/", "/media/", "/uploads/"])
def test_no_folder_is_listed(client, path):
    assert client.get(path).status_code == 404


def test_every_address_answers_a_superuser_who_sees_the_history(ask):
    asked, seen = ask("boss"), set()
    for route in routes():
        for method in ("GET", "POST"):
            response = asked(method, address(route))
            said = f"{method} {route}: {response.status_code}"
            assert response.status_code < 500, said
            assert response["X-Content-Type-Options"] == "nosniff", said
            if response.get("Content-Type", "").startswith("text/html"):
                assert "default-src 'none'" in response["Content-Security-Policy"], said
                assert response["X-Frame-Options"] == "DENY", said
            if shown(response):
                seen.add(route)
    assert seen >= {
        "admin/classifier/prediction/",
        "admin/classifier/prediction/<path:object_id>/change/",
        "admin/classifier/prediction/<int:pk>/upload",
        "admin/classifier/correction/",
        "api/v1/predictions",
        "api/v1/predictions/<int:pk>",
        "api/v1/predictions/<int:pk>/picture",
        "api/v1/corrections",
    }


def test_the_table_lists_no_address_that_is_gone():
    assert {*LET_IN, *STAFF_PAGES} <= set(routes())
