from django.contrib import admin

from .batches import BatchAdmin
from .corrections import CorrectionAdmin
from .keys import ApiKeyAdmin
from .predictions import PredictionAdmin
from .replays import ReplayAdmin, ReplayAnswerAdmin
from .training import TrainingRunAdmin
from .versions import ModelVersionAdmin, PromotionAdmin

__all__ = [
    "ApiKeyAdmin",
    "BatchAdmin",
    "CorrectionAdmin",
    "ModelVersionAdmin",
    "PredictionAdmin",
    "PromotionAdmin",
    "ReplayAdmin",
    "ReplayAnswerAdmin",
    "TrainingRunAdmin",
]

admin.site.site_header = admin.site.site_title = "Digit classifier"
admin.site.index_title = "Back office"
admin.site.site_url = "/"
admin.site.index_template = "admin/classifier/index.html"
