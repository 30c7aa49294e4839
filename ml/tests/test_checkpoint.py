import json
import shutil

import numpy as np
import pytest

from ml import checkpoint
from ml.predict import Predictor


@pytest.fixture
def copy(shipped, tmp_path):
    """A copy of the shipped checkpoint that a test may damage."""
    for path in shipped.directory.glob(f"{shipped.name}.*"):
        shutil.copy(path, tmp_path)
    return checkpoint.read(tmp_path, shipped.name)


@pytest.mark.parametrize(
    ("name", "parsed"), [("net", "net"), ("net.keras", "net"), ("a-1.b_2", "a-1.b_2")]
)
def test_a_name_is_taken_with_and_without_its_ending(name, parsed):
    assert checkpoint.parse_name(name) == parsed


@pytest.mark.parametrize("name", ["", "../net", "a b", ".net", "x" * 65, "net.h5", "a/b"])
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match=r"Expected a name|\.keras"):
        checkpoint.parse_name(name)


def test_a_damaged_compilation_is_not_loaded(copy):
    content = bytearray(copy.compiled_path.read_bytes())
    content[1000] ^= 1
    copy.compiled_path.write_bytes(content)
    with pytest.raises(checkpoint.DamagedCheckpoint, match="Expected SHA-256"):
        Predictor(copy)


def test_a_damaged_network_is_not_loaded_by_keras(copy):
    copy.keras_path.write_bytes(copy.keras_path.read_bytes()[:-1])
    with pytest.raises(checkpoint.DamagedCheckpoint, match="Expected SHA-256"):
        checkpoint.verified(copy.keras_path, copy.facts["keras_sha256"])


def test_a_missing_file_is_named(copy):
    copy.compiled_path.unlink()
    with pytest.raises(checkpoint.DamagedCheckpoint, match="is missing"):
        Predictor(copy)


@pytest.mark.parametrize("facts", ["{", "[]", "{}"])
def test_facts_that_say_too_little_are_a_damaged_checkpoint(copy, facts):
    (copy.directory / f"{copy.name}.json").write_text(facts)
    with pytest.raises(checkpoint.DamagedCheckpoint, match=r"not JSON|Expected"):
        checkpoint.read(copy.directory, copy.name)


def test_the_shipped_checkpoint_says_where_it_comes_from(shipped):
    facts = shipped.facts
    assert {"created_at", "seed", "epochs", "network", "parameters", "data_sha256"} <= facts.keys()
    assert facts["metrics"]["test_accuracy"] >= 0.995
    assert json.dumps(facts)


@pytest.mark.slow
def test_keras_and_its_compilation_give_the_same_answers(shipped, typed):
    # 8-bit weights move logits, of which the best two are usually 10 apart, by up to 0.3.
    pixels = typed[1].pixels
    one, other = (Predictor(shipped, engine) for engine in ("keras", "litert"))
    assert np.abs(one.logits(pixels) - other.logits(pixels)).max() < 0.5
    assert one.reasons(one.logits(pixels)) == other.reasons(other.logits(pixels))
    digits = [each.probabilities(pixels).argmax(axis=1) for each in (one, other)]
    assert (digits[0] == digits[1]).all()


@pytest.mark.slow
def test_a_checkpoint_without_its_compilation_is_run_by_keras(copy, typed, predictor):
    copy.compiled_path.unlink()
    del copy.facts["tflite_sha256"]
    found = Predictor(copy).logits(typed[1].pixels)
    assert np.abs(found - predictor.logits(typed[1].pixels)).max() < 0.5
