"""Wrong passwords at the admin's login: how many are taken, from where, and what they cost."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.conf import settings as project
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"
IN, WRONG, REFUSED = 302, 200, 429


@pytest.fixture(autouse=True)
def boss(django_user_model, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return django_user_model.objects.create_superuser("boss", password="right")


def attempt(password="wrong", account="boss", address=HERE, **headers):
    """Try to log in with a browser of one's own; gives the response."""
    form = {"username": account, "password": password}
    return Client().post(LOGIN, form, REMOTE_ADDR=address, HTTP_ACCEPT="text/html", **headers)


def statuses(count, *given, **others):
    return [attempt(*given, **others).status_code for _ in range(count)]


def later(minutes):
    """Let what has failed so far be so much older."""
    for each in AccessAttempt.objects.all():
        each.attempt_time -= timedelta(minutes=minutes)
        each.save()


def test_the_fifth_wrong_password_of_an_account_at_an_address_is_the_last():
    assert statuses(6) == [WRONG] * 4 + [REFUSED] * 2
    response = attempt("right")
    assert (response.status_code, response["Retry-After"]) == (REFUSED, "600")
    assert "Too many logins have failed. Try again in 10 minutes." in response.text
    assert "sessionid" not in response.cookies
    assert attempt("right", address=ELSEWHERE).status_code == IN


def test_a_refused_login_reads_once_writes_nothing_and_hashes_no_password(monkeypatch):
    statuses(5)
    hashed = []
    monkeypatch.setattr(ModelBackend, "authenticate", lambda *given, **others: hashed.append(1))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert attempt("right").status_code == REFUSED
    assert [each["sql"].split()[0] for each in queries] == ["SELECT"]
    assert not hashed


def test_it_is_over_ten_minutes_after_the_last_password_that_was_tried():
    statuses(5)
    later(9)
    assert statuses(2, "right") == [REFUSED] * 2  # these do not count
    later(2)
    assert statuses(2) == [WRONG] * 2  # all five are forgotten
    assert attempt("right").status_code == IN


def test_a_login_that_succeeds_forgets_those_that_failed():
    for _ in range(3):
        assert statuses(4) == [WRONG] * 4
        assert attempt("right").status_code == IN


def test_one_address_may_fail_twenty_times_whatever_accounts_it_names():
    tried = [attempt(account=f"name-{number}").status_code for number in range(21)]
    assert tried == [WRONG] * 19 + [REFUSED] * 2
    assert attempt("right").status_code == REFUSED
    assert attempt("right", address=ELSEWHERE).status_code == IN


def test_an_account_s_own_login_does_not_forget_what_its_address_did_to_others():
    for number in range(18):
        attempt(account=f"name-{number}")
    assert attempt("right").status_code == IN
    assert statuses(2, account="other") == [WRONG, REFUSED]


def fail_everywhere():
    """Try an account's password from fifty addresses."""
    for number in range(project.MNIST_LOGIN_FAILURES_ACCOUNT):
        attempt(address=f"203.0.113.{number}")


def test_an_account_may_fail_fifty_times_from_wherever_it_is_tried():
    fail_everywhere()
    assert statuses(1, "right", address=ELSEWHERE) == [REFUSED]
    later(11)
    assert statuses(1, "right", address=ELSEWHERE) == [IN]


def test_nobody_keeps_an_owner_out_of_an_account_where_she_has_logged_in_before():
    assert attempt("right").status_code == IN
    fail_everywhere()
    assert attempt("right").status_code == IN
    assert attempt("right", address=ELSEWHERE).status_code == REFUSED
    AccessLog.objects.update(attempt_time="2026-01-01T00:00Z")
    assert attempt("right").status_code == REFUSED


def test_behind_a_proxy_the_address_is_the_client_s(settings):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    for number in range(6):
        attempt(HTTP_X_FORWARDED_FOR=f"spoofed-{number}, {HERE}")
    assert attempt("right", HTTP_X_FORWARDED_FOR=HERE).status_code == REFUSED
    assert attempt("right", HTTP_X_FORWARDED_FOR=ELSEWHERE).status_code == IN


@pytest.mark.parametrize("given", ["2001:db8:1:2::7", "unknown", ""])
def test_an_address_of_ipv6_counts_as_its_network_and_unknown_ones_as_one(given):
    other = given.replace("::7", ":3::8")
    assert statuses(5, address=given)[-1] == REFUSED
    assert attempt("right", address=other).status_code == REFUSED


def test_a_failed_login_is_one_line_in_the_log_without_its_password(caplog):
    attempt("secret")
    attempt("secret", account="nobody\nroot")
    assert [each.getMessage() for each in caplog.records if each.name == "classifier.logins"] == [
        "Login failed: account 'boss', address 192.0.2.1",
        "Login failed: account 'nobody\\nroot', address 192.0.2.1",
    ]
    statuses(4, "secret")
    assert "Login refused, too many have failed: account 'boss'" not in caplog.text
    attempt("secret")
    assert "Login refused, too many have failed: account 'boss'" in caplog.text
    assert "secret" not in caplog.text
    assert all(each.name != "axes.handlers.database" for each in caplog.records)
    kept = str(list(AccessAttempt.objects.values()))
    assert "secret" not in kept


def test_the_command_that_the_pages_name_lets_an_account_in_again(capsys):
    statuses(6)
    call_command("axes_reset_username", "boss")
    assert attempt("right").status_code == IN


def test_log_in_and_out_leave_one_note_of_where_and_when():
    browser = Client()
    browser.post(LOGIN, {"username": "boss", "password": "right"}, REMOTE_ADDR=HERE)
    assert browser.get("/admin/").status_code == 200
    browser.post("/admin/logout/", REMOTE_ADDR=HERE)
    note = AccessLog.objects.get()
    assert (note.username, note.ip_address, bool(note.logout_time)) == ("boss", HERE, True)


def test_old_notes_of_logins_are_purged(capsys):
    attempt("right")
    statuses(2)
    later(11)
    AccessLog.objects.update(attempt_time="2026-01-01T00:00Z")
    call_command("purge_expired", "--dry-run")
    assert "Failed logins that no longer count: 1 would be deleted." in capsys.readouterr().out
    call_command("purge_expired")
    assert "Logins of more than 90 days ago: 1 deleted." in capsys.readouterr().out
    assert not AccessAttempt.objects.exists()
    assert not AccessLog.objects.exists()


def test_notes_that_still_count_are_not_purged():
    attempt("right")
    statuses(5)
    call_command("purge_expired")
    assert attempt("right").status_code == REFUSED
    assert AccessLog.objects.exists()


def test_uploads_do_not_pass_it():
    order = project.MIDDLEWARE
    short_path = order.index("classifier.short_path.ShortPathMiddleware")
    assert order.index("axes.middleware.AxesMiddleware") > short_path
