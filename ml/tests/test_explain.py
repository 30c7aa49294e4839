import numpy as np

from ml import explain


def test_an_answer_rests_on_ink_and_not_on_the_empty_corner(predictor, sample):
    pixels = predictor.read(sample("7_paint.png")).pixels
    fall = explain.occlusion(predictor, pixels, 7)
    assert fall.shape == (28, 28)
    assert fall.max() > 1
    assert np.abs(fall[:3, :3]).max() < 0.2 * fall.max()


def test_the_overlay_is_a_picture_in_colour(predictor, sample):
    pixels = predictor.read(sample("7_paint.png")).pixels
    shown = explain.overlay(pixels, explain.occlusion(predictor, pixels, 7))
    assert (shown.shape, shown.dtype) == ((28, 28, 3), np.uint8)
    assert (shown[..., 2] > shown[..., 0]).any()
