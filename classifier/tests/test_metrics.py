import re
import time
from pathlib import Path

import pytest
import requests
from django.db import DatabaseError

from classifier import metrics, registry, review
from classifier.models import TrainingRun

from .server import Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def figure(client):
    """The value of one line of /metrics, such as `mnist_answers_total{digit="7",...}`; 0: none."""

    def find(name, **labels):
        return value(client.get("/metrics").text, name, **labels)

    return find


def value(text: str, name: str, **labels) -> float:
    """The sum of a metric's lines that have all of these labels."""
    lines = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    wanted = [f'{key}="{text}"' for key, text in labels.items()]
    return sum(float(number) for found, number in lines if all(each in found for each in wanted))


def test_an_answer_is_counted_by_digit_status_and_version(figure, post):
    labels = {"digit": 7, "status": "certain", "model": registry.shipped().name}
    before = figure("mnist_answers_total", **labels)
    post("7_paint.png")
    assert figure("mnist_answers_total", **labels) == before + 1


def test_a_request_is_counted_by_address_status_and_code(figure, post, client):
    refused = {"route": "mnist/classify", "status": 404, "code": "not_an_image"}
    unknown = {"route": "-", "status": 404, "code": "not_found"}
    before = [figure("mnist_requests_total", **labels) for labels in (refused, unknown)]
    post(b"no picture")
    for path in ("/nothing", "/nothing/else"):
        client.get(path)
    after = [figure("mnist_requests_total", **labels) for labels in (refused, unknown)]
    assert after == [before[0] + 1, before[1] + 2]


def test_durations_counted_together_are_counted_as_each_by_itself():
    seconds = [0.0, 0.00005, 0.0001, 0.004, 0.0099, 0.01, 2.5, 70]
    together, alone = (
        kind("seconds", "-", ["stage"], registry=None, buckets=metrics.BUCKETS_S)
        for kind in (metrics.Durations, metrics.Histogram)
    )
    together.labels("a").observe_all(seconds)
    for each in seconds:
        alone.labels("a").observe(each)
    samples = [
        [
            (sample.name, sample.labels, sample.value)
            for sample in family.samples
            if "created" not in sample.name
        ]
        for (family,) in (together.collect(), alone.collect())
    ]
    assert samples[0] == samples[1]


@pytest.mark.parametrize("stage", ["decode", "prepare", "network", "store"])
def test_each_stage_is_timed(figure, post, stage):
    before = figure("mnist_stage_seconds_count", stage=stage)
    took = figure("mnist_stage_seconds_sum", stage=stage)
    post()
    assert figure("mnist_stage_seconds_count", stage=stage) == before + 1
    assert figure("mnist_stage_seconds_sum", stage=stage) > took


def test_a_request_as_a_whole_is_timed(figure, post):
    before = figure("mnist_request_seconds_count", route="mnist/classify")
    post()
    assert figure("mnist_request_seconds_count", route="mnist/classify") == before + 1


def test_the_probe_of_readyz_is_no_upload(figure, client):
    before = figure("mnist_stage_seconds_count")
    assert client.get("/readyz").status_code == 200
    assert figure("mnist_stage_seconds_count") == before


def test_what_waits_and_what_runs_is_told(figure, post, person):
    post()
    TrainingRun.objects.create(name="next", state="running")
    assert figure("mnist_reviews_waiting") == 1
    assert figure("mnist_training_running") == 1
    assert figure("mnist_tasks_waiting") == 0
    assert figure("mnist_active_model", model=registry.shipped().name) == 1


def test_without_a_database_its_figures_are_those_of_before(figure, post, monkeypatch):
    def away(most):
        raise DatabaseError("gone")

    post()
    assert figure("mnist_database_up") == figure("mnist_reviews_waiting") == 1
    monkeypatch.setattr(review, "waiting_count", away)
    assert figure("mnist_database_up") == 0
    assert figure("mnist_reviews_waiting") == 1
    assert figure("mnist_requests_total") > 0


def test_metrics_are_open_unless_a_key_is_set(client, settings):
    assert client.get("/metrics")["Content-Type"].startswith("text/plain")
    settings.MNIST_METRICS_KEY = "the key"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer the key\xe9"}):
        response = client.get("/metrics", headers=headers)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/metrics", headers={"Authorization": "Bearer the key"}).status_code == 200


def test_a_killed_workers_gauges_are_forgotten_and_its_counts_stay(tmp_path):
    for name in ("gauge_livesum_999999999.db", "gauge_livesum_1.db", "counter_999999999.db"):
        (tmp_path / name).touch()
    metrics.drop_gauges_of_the_dead(tmp_path)
    assert sorted(each.name for each in tmp_path.glob("*.db")) == [
        "counter_999999999.db",
        "gauge_livesum_1.db",
    ]


def test_several_workers_are_one_server(tmp_path, sample):
    with Server(tmp_path, workers=2) as running:
        for _ in range(20):
            running.answer(sample("7_paint.png"))
        time.sleep(2)  # a worker counts once a second
        found = [requests.get(f"{running.url}/metrics").text for _ in range(6)]
        assert len(running.worker_pids()) == 2
    for text in found:
        assert value(text, "mnist_answers_total", digit=7) == 20
        assert value(text, "mnist_requests_waiting") >= 1  # the one that asks


def test_a_server_starts_with_no_counts_of_the_one_before():
    folder = Path(metrics.empty_folder("127.0.0.1-99999"))
    (folder / "counter_1.db").touch()
    assert Path(metrics.empty_folder("127.0.0.1-99999")) == folder
    assert list(folder.iterdir()) == []
    folder.rmdir()
