from django.urls import path

from .api.health import healthz, readyz
from .api.previews import PreviewsView
from .api.training import CancelView, ResumeView, TrainingRunsView, TrainingRunView
from .api.views import ClassifyView
from .web import documents
from .web import views as web

RUNS = "api/v1/training-runs"

urlpatterns = [
    path("", web.draw, name="draw"),
    path("favicon.ico", web.icon),
    path("about/model-card", documents.page_of("model-card.md", "Model card"), name="model-card"),
    path("about/reading", documents.page_of("reading.md", "How it reads"), name="how-it-reads"),
    path("about/report", documents.report, name="report"),
    path("mnist/classify", ClassifyView.as_view(), name="classify"),
    path("api/v1/previews", PreviewsView.as_view(), name="previews"),
    path(RUNS, TrainingRunsView.as_view(), name="training-runs"),
    path(f"{RUNS}/<int:pk>", TrainingRunView.as_view(), name="training-run"),
    path(f"{RUNS}/<int:pk>/cancel", CancelView.as_view(), name="training-run-cancel"),
    path(f"{RUNS}/<int:pk>/resume", ResumeView.as_view(), name="training-run-resume"),
    path("healthz", healthz),
    path("readyz", readyz),
]
