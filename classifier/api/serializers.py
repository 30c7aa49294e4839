from classifier import inference
from classifier.history import Kept
from classifier.inference import Guess, data_address
from classifier.models import Prediction


def reading(said: Prediction | Guess) -> dict:
    """What was read; `classification` is the original service's key."""
    return {
        "classification": str(said.digit),
        "digit": said.digit,
        "confidence": round(said.confidence, 6),
        "probabilities": [round(each, 6) for each in said.probabilities.tolist()],
        "status": said.status,
        "reason": said.reason or None,
    }


def answer(said: Prediction | Guess, kept: Kept | Prediction) -> dict:
    """What a client is told of its upload, once it is kept."""
    return reading(said) | {
        "id": kept.id,
        "model": str(said.version),
        "created_at": kept.created_at,
    }


def record(prediction: Prediction) -> dict:
    """The same, and what else the history has of it."""
    return answer(prediction, prediction) | {
        "label": prediction.label,
        "original_name": prediction.original_name,
        "format": prediction.format,
        "bytes": prediction.size,
        "sha256": prediction.sha256_hex or None,
        "request_id": prediction.request_id,
        "erased_at": prediction.erased_at,
    }


def explanation(upload: bytes, guess: Guess | Prediction) -> dict:
    """Why: the steps to what the network saw, and what the answer rests on, as PNG addresses."""
    return {
        "steps": [
            {"name": name, "image": data_address(pixels)}
            for name, pixels in inference.steps(upload)
        ],
        "occlusion": data_address(
            inference.occlusion(str(guess.version), guess.pixels, guess.digit)
        ),
    }
