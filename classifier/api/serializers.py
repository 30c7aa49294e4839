from classifier.models import Prediction


def answer(prediction: Prediction) -> dict:
    """What a client is told of its upload; `classification` is the original service's key."""
    return {
        "classification": str(prediction.digit),
        "digit": prediction.digit,
        "confidence": round(prediction.confidence, 6),
        "probabilities": [round(float(each), 6) for each in prediction.probabilities],
        "status": prediction.status,
        "reason": prediction.reason or None,
        "id": prediction.pk,
        "model": prediction.version.name,
        "created_at": prediction.created_at,
    }
