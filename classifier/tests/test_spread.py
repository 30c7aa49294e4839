import pytest

from classifier import spread


def work(folder):
    """Two parts: the first waits until the second has begun, which runs until it is stopped."""
    if folder.name == "first":
        while not (folder.parent / "begun").exists():
            pass
        return "first"
    (folder.parent / "begun").touch()
    try:
        while True:
            spread.stop_if_requested()
    except spread.Stopped:
        (folder.parent / "ended").touch()
        raise


def test_parts_at_hand_end_when_nobody_takes_the_rest(tmp_path):
    parts = [tmp_path / "first", tmp_path / "second", tmp_path / "third"]
    results = spread.over(2, "classifier.tests.test_spread.work", parts)
    assert next(results) == "first"
    results.close()  # as Ctrl-C does
    assert (tmp_path / "ended").exists()


def test_a_process_that_shares_no_work_is_never_stopped():
    spread.stop_if_requested()


def test_what_fails_in_another_process_is_raised_here(tmp_path):
    with pytest.raises(ImportError):
        next(spread.over(2, "classifier.tests.test_spread.nothing", [1, 2]))
