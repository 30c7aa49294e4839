import cv2
import numpy as np
import pytest

from ml import augment
from ml.preprocess import center_of_mass, pen_width


@pytest.fixture(scope="module")
def fields():
    return augment.displacements(np.random.default_rng(0))


@pytest.fixture
def image():
    """A 7, (28, 28) uint8."""
    points = np.array([[8, 6], [19, 6], [12, 22]])
    return cv2.polylines(np.zeros((28, 28), np.uint8), [points], False, 255, 2, cv2.LINE_AA)


def canvas(image):
    return cv2.resize(image, (augment.CANVAS, augment.CANVAS), interpolation=cv2.INTER_CUBIC)


def test_variations_keep_shape_and_type_and_leave_the_images_alone(image, fields):
    images = np.stack([image] * 8)
    before = images.copy()
    varied = augment.vary(images, fields, np.random.default_rng(0))
    assert varied.shape == images.shape
    assert varied.dtype == np.uint8
    np.testing.assert_array_equal(images, before)


def test_the_same_seed_varies_the_same(image, fields):
    images = np.stack([image] * 20)
    one, other = (augment.vary(images, fields, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_some_images_stay_plain_and_the_others_differ(image, fields):
    varied = augment.vary(np.stack([image] * 400), fields, np.random.default_rng(0))
    plain = (varied == image).all(axis=(1, 2)).mean()
    assert abs(plain - augment.PLAIN) < 0.06


def test_no_variation_loses_the_ink(image, fields):
    rng = np.random.default_rng(0)
    hairline = cv2.polylines(np.zeros_like(image), [np.array([[8, 6], [19, 22]])], False, 90, 1)
    for _ in range(300):
        assert augment.vary_one(image, fields, rng).max() > 60
        assert augment.vary_one(hairline, fields, rng).max() > 0


def test_variations_stay_about_the_middle(image, fields):
    rng = np.random.default_rng(0)
    centers = [center_of_mass(augment.vary_one(image, fields, rng)) for _ in range(100)]
    assert np.abs(np.array(centers) - 13.5).max() < 5


def test_displacements_are_as_strong_in_every_field(fields):
    np.testing.assert_allclose(fields.std(axis=(1, 2)), 1, atol=1e-3)


def test_a_pen_is_changed_to_thinner_and_to_wider(image):
    rng = np.random.default_rng(0)
    digit = canvas(image)
    widths = [pen_width(augment.change_pen(digit, rng)) for _ in range(100)]
    assert min(widths) < 0.7 * pen_width(digit) < 1.3 * pen_width(digit) < max(widths)


def test_thinning_leaves_lines_where_erosion_leaves_nothing():
    digit = np.zeros((augment.CANVAS, augment.CANVAS), np.uint8)
    digit[10:60, 30:38] = 255
    assert not cv2.erode(digit, np.ones((9, 9), np.uint8)).any()
    assert pen_width(augment._thin(digit, 1.5)) < 4


def test_a_pixelated_digit_keeps_most_of_its_ink(image):
    digit = canvas(image)
    inked = np.count_nonzero(digit > 128)
    for seed in range(20):
        pixelated = augment.pixelate(digit, np.random.default_rng(seed))
        assert 0.5 * inked < np.count_nonzero(pixelated > 128) < 2.5 * inked


def test_drawn_digits_come_with_their_labels(fields):
    pixels, digits = augment.drawn_digits(50, fields, np.random.default_rng(0))
    assert pixels.shape == (50, 28, 28)
    assert set(digits) <= set(range(10))


def test_drawings_of_other_things_are_framed_as_digits_are(image, fields):
    images = np.stack([image] * 4)
    others = augment.drawn_others(50, images, fields, np.random.default_rng(0))
    assert others.shape == (50, 28, 28)
    assert (others.max(axis=(1, 2)) > 60).all()
