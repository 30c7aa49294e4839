"""What the site remembers."""

from .history import DISAGREES, LABELS, NOT_A_DIGIT, Prediction, PredictionQuerySet
from .replay import Replay, ReplayAnswer
from .review import Correction, ReviewClaim
from .versions import ModelVersion, Promotion, TrainingRun

__all__ = [
    "DISAGREES",
    "LABELS",
    "NOT_A_DIGIT",
    "Correction",
    "ModelVersion",
    "Prediction",
    "PredictionQuerySet",
    "Promotion",
    "Replay",
    "ReplayAnswer",
    "ReviewClaim",
    "TrainingRun",
]
