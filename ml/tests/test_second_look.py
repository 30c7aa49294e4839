import numpy as np
import pytest

from ml import second_look
from ml.predict import Predictor


class Network:
    """Stands in for a network: sure of what is bright in a corner, in doubt of all else."""

    def __init__(self):
        self.asked = []

    def __call__(self, pixels):
        self.asked.append(len(pixels))
        logits = np.zeros((len(pixels), 11), np.float32)
        logits[:, 3] = np.where(pixels[:, 0, 0] > 128, 9, 1)
        logits[:, 7] = pixels[:, 13, 13] / 255  # what a shift by one pixel changes
        logits.setflags(write=False)
        return logits


def pictures(*corners):
    pixels = np.zeros((len(corners), 28, 28), np.uint8)
    pixels[:, 0, 0] = corners
    pixels[:, 13, 13] = 255
    return pixels


def test_what_is_sure_is_looked_at_once():
    network = Network()
    pixels = pictures(255, 255)
    assert np.array_equal(second_look.look(network, pixels), Network()(pixels))
    assert network.asked == [2]


def test_what_is_doubtful_becomes_the_mean_of_all_framings():
    network = Network()
    pixels = pictures(255, 0, 255)
    found = second_look.look(network, pixels)
    assert network.asked == [3, 14]
    assert np.array_equal(found[[0, 2]], Network()(pixels[[0, 2]]))
    framings = np.concatenate([pixels[1:2], second_look.framed(pixels[1])])
    assert np.allclose(found[1], Network()(framings).mean(axis=0), atol=1e-6)
    assert found[1, 7] < Network()(pixels)[1, 7]


def test_many_doubtful_ones_are_asked_about_in_parts():
    network = Network()
    found = second_look.look(network, pictures(*[0] * 70))
    assert network.asked == [70, 32 * 14, 32 * 14, 6 * 14]
    assert np.ptp(found, axis=0).max() < 1e-6


def test_no_two_framings_are_the_same_and_none_moves_far():
    dot = np.zeros((28, 28), np.uint8)
    dot[4:6, 6:8] = 255
    framings = second_look.framed(dot)
    assert len({each.tobytes() for each in [dot, *framings]}) == 15
    for each in framings:
        rows, columns = np.nonzero(each > 60)
        assert abs(rows.mean() - 4.5) < 1.6
        assert abs(columns.mean() - 6.5) < 1.6


def test_a_version_says_itself_what_is_doubtful(shipped, typed):
    pixels = typed[0].pixels[:3]
    older = {name: fact for name, fact in shipped.facts.items() if name != "doubtful_below"}
    once = Predictor(shipped._replace(facts=older))
    assert np.array_equal(once.logits(pixels), once.first_look(pixels))
    always = Predictor(shipped._replace(facts=older | {"doubtful_below": 99}))
    framings = np.concatenate([pixels[:1], second_look.framed(pixels[0])])
    assert always.logits(pixels)[0] == pytest.approx(
        once.first_look(framings).mean(axis=0), abs=1e-4
    )
    assert 0 < shipped.facts["doubtful_below"] < 99
