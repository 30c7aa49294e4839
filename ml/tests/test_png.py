import pytest

from classifier.tests.hostile import MAGIC, chunk, flipped  # pure bytes; no Django in it
from ml.png import is_whole


def test_a_png_is_whole_up_to_its_end(sample):
    assert is_whole(sample("7_paint.png"))
    assert is_whole(sample("7_paint.png") + b"<script>")


@pytest.mark.parametrize("length", [0, 8, 20, 100, -1, -12])
def test_a_png_that_is_cut_is_not(sample, length):
    assert not is_whole(sample("7_paint.png")[:length])


@pytest.mark.parametrize("position", [8, 12, 20, 30, 200, -5])
def test_a_png_with_a_bit_flipped_is_not(sample, position):
    assert not is_whole(flipped(sample("7_paint.png"), position))


def test_a_chunk_longer_than_the_file_is_not():
    assert not is_whole(MAGIC + b"\xff\xff\xff\xff" + chunk(b"IEND", b""))
