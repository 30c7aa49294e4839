"""What the site remembers."""

from .access import ApiKey, OverQuota
from .batches import Batch, BatchAnswer
from .history import (
    DISAGREES,
    DOUBTFUL,
    LABELS,
    NOT_A_DIGIT,
    SURE,
    UNCERTAIN,
    WAITING,
    Prediction,
    PredictionQuerySet,
)
from .jobs import Job
from .replay import Replay, ReplayAnswer
from .review import Correction, ReviewClaim
from .versions import ModelVersion, Promotion, TrainingRun

__all__ = [
    "DISAGREES",
    "DOUBTFUL",
    "LABELS",
    "NOT_A_DIGIT",
    "SURE",
    "UNCERTAIN",
    "WAITING",
    "ApiKey",
    "Batch",
    "BatchAnswer",
    "Correction",
    "Job",
    "ModelVersion",
    "OverQuota",
    "Prediction",
    "PredictionQuerySet",
    "Promotion",
    "Replay",
    "ReplayAnswer",
    "ReviewClaim",
    "TrainingRun",
]
