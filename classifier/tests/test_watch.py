"""The thread that checks health: what the views say while it works, hangs and ends.

No test here may use the database: that the views answer all the same is what they show.
"""

import threading
import time

import pytest
from prometheus_client.core import GaugeMetricFamily

from classifier import health, metrics
from classifier.health import Readiness, Watch

from .test_metrics import value


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    """As if the thread were running, and had just found that all is well."""
    monkeypatch.setattr(Watch, "running", True)
    monkeypatch.setattr(Watch, "latest", Readiness(True, "digits", ""))
    monkeypatch.setattr(Watch, "checked_at", time.monotonic())
    monkeypatch.setattr(metrics.Site, "in_background", True)
    monkeypatch.setattr(metrics.Site, "collected_at", time.monotonic())
    figure = GaugeMetricFamily("mnist_reviews_waiting", "Uploads that wait for review", 71)
    monkeypatch.setattr(metrics.Site, "figures", [figure])


def test_healthz_asks_nothing(client):
    assert client.get("/healthz").json()["status"] == "alive"


def test_readyz_says_what_was_found_last(client):
    assert client.get("/readyz").json() == {"status": "ready", "model": "digits"}
    Watch.latest = Readiness(False, "digits", "The disk is full.")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problem"] == "The disk is full."
    assert response["Retry-After"]


def test_readyz_says_which_check_does_not_end(client, monkeypatch):
    monkeypatch.setattr(Watch, "checking", "database")
    monkeypatch.setattr(Watch, "checked_at", time.monotonic() - 7)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problem"] == "The check of the database has not ended for 7 s."
    assert response.json()["model"] == "digits"


def test_metrics_are_those_that_were_found_last(client):
    text = client.get("/metrics").text
    assert value(text, "mnist_database_up") == 1
    assert value(text, "mnist_reviews_waiting") == 71


def test_metrics_say_that_the_database_is_late(client, monkeypatch):
    monkeypatch.setattr(metrics.Site, "collected_at", time.monotonic() - 7)
    text = client.get("/metrics").text
    assert value(text, "mnist_database_up") == 0
    assert value(text, "mnist_reviews_waiting") == 71


def test_the_thread_checks_again_after_whatever_goes_wrong(monkeypatch, caplog):
    begin, hangs = threading.Event(), threading.Event()
    found = iter([ZeroDivisionError(), Readiness(True, "digits", "The cache is away.")])

    def check():
        begin.wait(30)
        result = next(found, None)
        if result is None:
            hangs.set()
            threading.Event().wait()  # for ever, as a database that hangs
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(Watch, "running", False)
    monkeypatch.setattr(health, "check", check)
    monkeypatch.setattr(health, "CHECK_EVERY_S", 0)
    monkeypatch.setattr(metrics.Site, "collect_from_database", lambda: None)
    monkeypatch.setattr(health, "close_old_connections", lambda: None)
    health.watch()
    assert health.readiness() == Readiness(False, "", "It has just started.")
    begin.set()
    assert hangs.wait(30)
    assert Watch.latest == Readiness(True, "digits", "The cache is away.")
    assert "ZeroDivisionError" in caplog.text
