"""Limits by key and by address."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.checks import run_checks

from classifier import addresses, counters
from mnistsite.environment import Environment

from .server import ROOT, Server
from .services import redis, stopped

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/training-runs"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Shows a time of one's choice, at first ten seconds after a full minute."""
    cache.clear()

    def show(seconds):
        clock = SimpleNamespace(time=lambda: 60_000_000.0 + seconds)
        monkeypatch.setattr("classifier.api.throttles.time", clock)

    show(10)
    return show


def statuses(ask, count, **headers):
    return [ask(**headers).status_code for _ in range(count)]


def test_there_is_no_limit_unless_one_is_set(post):
    assert statuses(post, 20) == [200] * 20


def test_an_address_over_its_limit_is_a_429_until_the_period_ends(post, settings, clock):
    settings.MNIST_THROTTLE_ADDRESS = (2, 60)
    assert statuses(post, 3) == [200, 200, 429]
    response = post()
    assert (response.json()["code"], response["Retry-After"]) == ("throttled", "50")
    assert post(REMOTE_ADDR="192.0.2.1").status_code == 200
    clock(60)
    assert post().status_code == 200


def test_what_the_client_says_of_its_address_changes_nothing(post, settings):
    settings.MNIST_THROTTLE_ADDRESS = (2, 60)
    spoofed = [post(HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code for n in range(4)]
    assert spoofed == [200, 200, 429, 429]


def test_behind_a_proxy_its_word_counts_and_not_the_clients(post, settings):
    settings.MNIST_THROTTLE_ADDRESS = (1, 60)
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    forwarded = ["spoofed, 192.0.2.1", "other, 192.0.2.1", "spoofed, 192.0.2.2"]
    assert [post(HTTP_X_FORWARDED_FOR=each).status_code for each in forwarded] == [200, 429, 200]


def test_a_key_has_a_limit_of_its_own_wherever_it_is_used(post, settings, bearer):
    settings.MNIST_THROTTLE_KEY, settings.MNIST_THROTTLE_ADDRESS = (2, 60), (1, 60)
    (_, one), (_, other) = bearer("classify"), bearer("classify")
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert [post(REMOTE_ADDR=each, **one).status_code for each in addresses] == [200, 200, 429]
    assert statuses(post, 2, **other) == [200, 200]


def test_staff_who_are_logged_in_are_not_held_back(client, admin_client, settings):
    settings.MNIST_THROTTLE_ADDRESS = (1, 60)
    assert [admin_client.get(RUNS).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[2001:db8:1:2::7]", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
        ("unknown " * 100, ("unknown " * 100)[:64]),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(address, shared):
    assert addresses.network(address) == shared


def cache_at(address):
    """Django's settings of a Redis at an address, as ours make them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CACHE_URL", address)
        return {"default": Environment(ROOT / "no such file").cache("CACHE_URL")}


def test_without_its_cache_nobody_is_held_back_and_the_log_says_so_once(post, settings, caplog):
    settings.CACHES = cache_at("redis://127.0.0.1:9/0")
    settings.MNIST_THROTTLE_ADDRESS = (1, 60)
    assert statuses(post, 3) == [200, 200, 200]
    assert caplog.text.count("does not answer") == 1


def test_a_cache_that_hangs_is_asked_once_and_counts_again_when_it_goes_on(
    post, settings, monkeypatch
):
    monkeypatch.setattr(counters.breaker, "pause_s", 3600)
    settings.MNIST_THROTTLE_ADDRESS = (1, 60)
    with redis() as address:
        settings.CACHES = cache_at(address)
        assert statuses(post, 2) == [200, 429]
        with stopped(address), patch.object(cache, "add", wraps=cache.add) as asked:
            assert statuses(post, 3) == [200, 200, 200]
            assert asked.call_count == 1
        monkeypatch.setattr(counters.breaker, "pause_s", 0)
        assert post().status_code == 429


def test_a_counter_that_the_cache_has_dropped_is_no_failure(monkeypatch):
    monkeypatch.setattr(cache, "add", lambda *given: False)
    assert counters.count("dropped", 60) == 0
    assert not counters.breaker.is_open


def numbers():
    return [each.id for each in run_checks() if each.id.startswith("classifier.")]


def test_the_check_says_what_limits_need(settings):
    assert numbers() == []
    settings.MNIST_THROTTLE_ADDRESS, settings.DJANGO_HTTPS = (1, 60), True
    assert numbers() == ["classifier.W001", "classifier.W002"]
    settings.MNIST_NUM_PROXIES = 1
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}
    assert numbers() == []


def test_processes_count_together_in_redis(tmp_path, sample):
    limit = {"MNIST_THROTTLE_ADDRESS": "20/day"}
    with redis() as address, Server(tmp_path, CACHE_URL=address, **limit) as server:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(server.answer, [sample("7_paint.png")] * 40))
        assert len([answer for answer in answers if "digit" in answer]) == 19  # its start was one
        assert server.answer(b"")["code"] == "throttled"
        assert "W001" not in server.output()
