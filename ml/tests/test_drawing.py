import numpy as np
import pytest

from ml.drawing import (
    CANVAS,
    DIGITS,
    OTHERS,
    draw,
    draw_digit,
    draw_other,
    smooth,
    two_digits,
    with_serifs,
)

IMAGES = np.pad(np.full((2, 20, 4), 255, np.uint8), ((0, 0), (4, 4), (12, 12)))


@pytest.mark.parametrize("digit", range(10))
def test_every_way_of_writing_a_digit_leaves_ink_inside_the_canvas(digit):
    for way in DIGITS[digit]:
        drawing = draw(way, np.random.default_rng(0), wobble=4)
        assert drawing.shape == (CANVAS, CANVAS)
        assert np.count_nonzero(drawing > 128) > 40
        assert not drawing[[0, -1]].any()


@pytest.mark.parametrize("strokes", OTHERS)
def test_every_letter_leaves_ink(strokes):
    assert draw(strokes, np.random.default_rng(0), wobble=4).max() > 200


def test_the_same_seed_draws_the_same():
    one, other = (draw_digit(7, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_smooth_stroke_goes_through_its_points():
    points = np.float32([[0, 0], [10, 20], [30, 20], [40, 0]])
    curve = smooth(points, steps=8)
    np.testing.assert_allclose(curve[::8], points, atol=1e-4)


def test_a_stroke_of_two_points_is_straight():
    points = np.float32([[0, 0], [10, 20]])
    assert smooth(points) is points


def test_serifs_cross_both_ends_of_a_stroke():
    assert with_serifs(["50,0 50,100"]) == ["50,0 50,100", "40,0 60,0", "40,100 60,100"]


def test_two_digits_stand_beside_each_other():
    columns = two_digits(IMAGES, np.random.default_rng(0)).max(axis=0)
    assert columns[: CANVAS // 2].max() == columns[CANVAS // 2 :].max() == 255
    assert columns[CANVAS // 2] == 0


def test_what_is_not_a_digit_always_has_ink():
    rng = np.random.default_rng(0)
    assert all(draw_other(IMAGES, rng).max() > 200 for _ in range(200))
