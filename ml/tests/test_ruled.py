import cv2
import numpy as np
import pytest

from ml.ruled import drop_lines, may_be_ruled

STRONG = 250


def crossed(slope: float, pitch: int = 24, level: int = 110, squared: bool = False) -> np.ndarray:
    """Lines that fall by `slope` pixels for each across, and a vertical stroke of a pen."""
    ink = np.zeros((192, 192), np.uint8)
    for start in range(-192, 384, pitch):
        cv2.line(ink, (0, start), (191, round(start + 191 * slope)), level, 2)
        if squared:
            cv2.line(ink, (start, 0), (round(start - 191 * slope), 191), level, 2)
    return cv2.line(ink, (100, 30), (100, 160), STRONG, 12)


@pytest.mark.parametrize("slope", [0, 0.03, -0.06, 0.09])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("pitch", [12, 24, 60])
def test_lines_go_and_the_stroke_that_crosses_them_stays(slope, squared, pitch):
    ink = crossed(slope, pitch, squared=squared)
    left = drop_lines(ink, ink) > 60
    assert left[35:155, 96:105].mean() > 0.99
    left[:, 90:111] = False
    assert left.mean() < 0.006


def test_lines_in_perspective_go():
    ink = np.zeros((192, 192), np.uint8)
    for number in range(8):
        cv2.line(ink, (0, 10 + 20 * number), (191, 4 + 23 * number), 100, 2)
    cv2.line(ink, (100, 30), (100, 160), STRONG, 12)
    left = drop_lines(ink, ink) > 60
    left[:, 90:111] = False
    assert left.mean() < 0.006


def test_a_thick_stroke_along_a_line_stays():
    ink = crossed(0)
    cv2.line(ink, (40, 72), (150, 72), STRONG, 12)  # the bar of a 7, on a line
    assert (drop_lines(ink, ink)[68:77, 40:150] > 60).mean() > 0.99


def test_a_stroke_that_ends_before_the_side_is_no_line():
    ink = np.zeros((192, 192), np.uint8)
    cv2.line(ink, (12, 100), (180, 104), STRONG, 3)
    cv2.line(ink, (100, 20), (100, 60), STRONG, 3)
    ink[5, :3] = ink[5, -3:] = 40  # specks at both sides, so that it is looked at
    assert may_be_ruled(ink)
    np.testing.assert_array_equal(drop_lines(ink, ink), ink)


def test_a_picture_with_bare_margins_is_not_looked_at():
    ink = np.zeros((192, 192), np.uint8)
    cv2.line(ink, (30, 100), (160, 100), STRONG, 3)
    assert not may_be_ruled(ink)
