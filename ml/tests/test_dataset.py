import numpy as np
import pytest

from ml import dataset


def test_the_validation_split_shares_no_image_with_the_rest(typed):
    numbered = dataset.Arrays(np.arange(400).astype(np.uint8)[:, None, None], np.arange(400))
    rest, held = dataset.split_validation(numbered, seed=1)
    assert len(held.digits) == 40
    assert sorted([*rest.digits, *held.digits]) == list(range(400))


def test_the_split_is_the_same_for_the_same_seed(typed):
    first, again, other = (dataset.split_validation(typed[0], seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("names", [("x_test", "y_test"), ("x", "y")])
def test_labelled_arrays_are_found_under_either_name(tmp_path, typed, names):
    path = tmp_path / "set.npz"
    np.savez(path, **dict(zip(names, typed[1], strict=True)))
    assert np.array_equal(dataset.load_labelled(path).digits, typed[1].digits)


@pytest.mark.parametrize(
    "members",
    [
        {"a": np.zeros(3)},
        {"x": np.zeros((2, 28, 28)), "y": np.zeros(2)},
        {"x": np.zeros((2, 28, 28), np.uint8), "y": np.zeros(3, int)},
        {"x": np.zeros((2, 28, 28), np.uint8), "y": np.array([0.5, 1])},
        {"x": np.zeros((2, 28, 28), np.uint8), "y": np.array([3, 10])},
        {"x": np.zeros((0, 28, 28), np.uint8), "y": np.zeros(0, int)},
    ],
    ids=["other names", "other type", "labels missing", "no integers", "above 9", "none"],
)
def test_other_contents_are_refused_with_what_was_expected(tmp_path, members):
    np.savez(tmp_path / "set.npz", **members)
    with pytest.raises(ValueError, match="Expected"):
        dataset.load_labelled(tmp_path / "set.npz")


def test_pickles_are_not_loaded(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.array([{}], dtype=object), y=np.zeros(1))
    with pytest.raises(ValueError, match=r"allow_pickle|Object"):
        dataset.load_labelled(tmp_path / "set.npz")


def test_half_a_file_is_refused(tmp_path, typed):
    path = tmp_path / "set.npz"
    np.savez(path, x=typed[1].pixels, y=typed[1].digits)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a whole"):
        dataset.load_labelled(path)


@pytest.mark.parametrize(("count", "side"), [(5, 28), (200, 32)], ids=["too few", "too large"])
def test_images_that_cannot_be_trained_on_are_refused(tmp_path, count, side):
    arrays = {"x": np.zeros((count, side, side), np.uint8), "y": np.arange(count) % 10}
    parts = {f"{name}_{part}": each for name, each in arrays.items() for part in ("train", "test")}
    np.savez(tmp_path / "set.npz", **parts)
    with pytest.raises(ValueError, match="Expected"):
        dataset.load_mnist(tmp_path / "set.npz")
