"""Every sample picture is read right, in whatever style it is drawn."""

import pytest

from conftest import DIGITS


@pytest.mark.parametrize("path", sorted(DIGITS.iterdir()), ids=lambda path: path.name)
def test_a_sample_is_read_right(predictor, path):
    guess = predictor.read(path.read_bytes())
    assert (guess.digit, guess.reason) == (int(path.name[0]), "")
