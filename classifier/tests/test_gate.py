import pytest

from classifier import gate, inference, registry, reviewed
from classifier.models import NOT_A_DIGIT, ModelVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def candidate(version):
    """A candidate with a given accuracy on MNIST's test images."""

    def make(accuracy, **metrics):
        registry.active()
        return version("candidate", metrics={"test_accuracy": accuracy, **metrics})

    return make


@pytest.fixture
def held_out(monkeypatch, sample):
    """Three held-out pictures, all read right by the shipped network."""
    pictures = [reviewed.Picture(sample(f"{digit}_paint.png"), digit) for digit in (3, 5, 7)]
    monkeypatch.setattr(reviewed, "held_out", lambda most: pictures)
    return pictures


def test_a_candidate_that_is_as_good_passes(candidate):
    same = registry.shipped().metrics["test_accuracy"]
    promotion = gate.promote(candidate(same))
    assert registry.active().name == "candidate"
    assert promotion.gate["passed"]


def test_a_candidate_that_is_worse_on_mnist_is_held_back_with_the_interval(candidate):
    with pytest.raises(gate.HeldBack, match=r"MNIST test images.*difference -\d.* points"):
        gate.promote(candidate(0.97))
    assert registry.active().name != "candidate"


def test_overruling_the_gate_keeps_the_reason_and_what_was_overruled(candidate, admin_user):
    promotion = gate.promote(candidate(0.97), admin_user, "We need it for the odd sevens")
    assert promotion.overruled_because == "We need it for the odd sevens"
    assert promotion.promoted_by == admin_user
    assert not promotion.gate["passed"]


def test_a_reason_that_was_not_needed_is_not_kept(candidate):
    assert gate.promote(candidate(0.999), None, "just in case").overruled_because == ""


def test_a_candidate_is_asked_about_the_held_out_pictures(candidate, held_out):
    verdict = gate.examine(candidate(0.999))
    assert verdict["sets"][1]["images"] == 3
    assert verdict["sets"][1]["candidate"] == verdict["sets"][1]["active"] == 1


def test_a_candidate_that_is_worse_on_held_out_pictures_is_held_back(
    candidate, held_out, monkeypatch
):
    found = candidate(0.999)
    monkeypatch.setattr(
        gate, "answers_right", lambda version, pictures: [version != found] + [True] * 2
    )
    with pytest.raises(gate.HeldBack, match="held-out reviewed uploads"):
        gate.promote(found)


def test_going_back_asks_nothing_of_the_gate(candidate):
    first = registry.active()
    gate.promote(candidate(0.999))
    first.refresh_from_db()
    assert gate.promote(first).gate is None
    assert registry.active() == first


def test_a_version_whose_file_is_damaged_is_not_promoted(candidate, media):
    found = candidate(0.999)
    (media / "models" / "candidate.tflite").write_bytes(b"x")
    with pytest.raises(inference.NotReady, match="cannot be loaded"):
        gate.promote(found)
    assert registry.active().name != "candidate"


def test_promoting_the_active_version_changes_nothing():
    gate.promote(registry.active())
    assert ModelVersion.objects.get().promotions.count() == 1


def test_the_paired_interval_is_narrower_than_the_unpaired_one(candidate):
    mistakes = list(range(44))
    registry.active()
    ModelVersion.objects.update(metrics={"test_accuracy": 0.9956, "test_mistakes": mistakes})
    found = gate.on_mnist(candidate(0.9955, test_mistakes=[*mistakes, 99]), registry.active())
    low, high = gate.unpaired(0.9955, 0.9956, 10_000)
    assert high - low > 2 * (found.high - found.low)
    assert not found.worse


@pytest.mark.parametrize(("label", "right"), [(7, True), (3, False), (NOT_A_DIGIT, False)])
def test_a_guess_is_right_when_it_says_what_the_label_says(sample, label, right):
    assert gate.is_right(inference.classify(sample("7_paint.png")), label) == right


def test_a_refusal_is_right_for_what_is_not_a_digit():
    refusal = inference.InvalidImage("blank", "Expected ink.")
    assert gate.is_right(refusal, NOT_A_DIGIT)
    assert not gate.is_right(refusal, 7)


def test_the_first_version_of_all_passes(version, settings, tmp_path):
    found = version("first")
    settings.BASE_DIR = tmp_path  # with nothing in ml/weights
    assert gate.examine(found)["passed"]
    gate.promote(found)
    assert registry.active() == found
