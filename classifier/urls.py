from django.urls import path

from .api.health import healthz, readyz
from .api.training import CancelView, ResumeView, TrainingRunsView, TrainingRunView
from .api.views import ClassifyView

RUNS = "api/v1/training-runs"

urlpatterns = [
    path("mnist/classify", ClassifyView.as_view(), name="classify"),
    path(RUNS, TrainingRunsView.as_view(), name="training-runs"),
    path(f"{RUNS}/<int:pk>", TrainingRunView.as_view(), name="training-run"),
    path(f"{RUNS}/<int:pk>/cancel", CancelView.as_view(), name="training-run-cancel"),
    path(f"{RUNS}/<int:pk>/resume", ResumeView.as_view(), name="training-run-resume"),
    path("healthz", healthz),
    path("readyz", readyz),
]
