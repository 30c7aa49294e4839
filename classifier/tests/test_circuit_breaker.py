"""What the circuit breaker lets through, by a clock that the test sets."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from classifier import circuit_breaker
from classifier.circuit_breaker import CircuitBreaker, CircuitOpen


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it."""
    clock = SimpleNamespace(now=1000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(circuit_breaker, "time", fake)
    return clock


@pytest.fixture
def breaker(clock):
    return CircuitBreaker("The thing", failures=(OSError,), pause_s=1, timeout_s=4)


def fail(breaker, error=OSError):
    with suppress(error), breaker.attempt():
        raise error


def is_refused(breaker) -> bool:
    try:
        with breaker.attempt():
            return False
    except CircuitOpen:
        return True


def test_after_a_failure_nobody_gets_through_until_the_pause_is_over(breaker, clock):
    fail(breaker)
    assert is_refused(breaker)
    clock.now += 0.9
    assert is_refused(breaker)
    clock.now += 0.2
    assert not is_refused(breaker)


def test_one_success_lets_everybody_through_again(breaker, clock):
    fail(breaker)
    clock.now += 1.1
    with breaker.attempt():
        assert is_refused(breaker)  # one at a time
    with breaker.attempt():
        assert not is_refused(breaker)
    assert not breaker.is_open


def test_an_attempt_that_fails_again_starts_the_pause_again(breaker, clock):
    fail(breaker)
    clock.now += 1.1
    fail(breaker)
    clock.now += 0.9
    assert is_refused(breaker)


def test_other_errors_are_answers(breaker, clock):
    fail(breaker, ValueError)
    assert not breaker.is_open
    fail(breaker)
    clock.now += 1.1
    fail(breaker, ValueError)
    assert not breaker.is_open
    assert not is_refused(breaker)


def test_an_attempt_that_hangs_counts_as_a_failure(breaker, clock):
    with breaker.attempt():
        clock.now += 3.9
        with breaker.attempt():
            pass  # that one succeeded: it is only the first that hangs
        clock.now += 1
        assert not is_refused(breaker)
    with breaker.attempt():
        clock.now += 4.1
        assert is_refused(breaker)
    assert not breaker.is_open  # it came back after all


def test_while_one_hangs_another_tries_after_the_pause(breaker, clock):
    with breaker.attempt():
        clock.now += 4.1
        assert is_refused(breaker)
        clock.now += 1.1
        assert not is_refused(breaker)


def test_the_log_has_the_failure_once_and_the_recovery(breaker, clock, caplog):
    caplog.set_level("INFO")
    for _ in range(3):
        fail(breaker)
        clock.now += 1.1
    assert not is_refused(breaker)
    assert [each.message for each in caplog.records] == [
        "The thing does not answer: ",
        "The thing answers again.",
    ]
