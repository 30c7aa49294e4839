"""Pictures for the tests, made by code or taken from the project's own fixtures."""

from pathlib import Path

import pytest

DIGITS = Path(__file__).parent / "fixtures" / "digits"


@pytest.fixture
def sample():
    """The bytes of a sample picture by its name, such as `7_paint.png`."""
    return lambda name: (DIGITS / name).read_bytes()
