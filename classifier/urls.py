from django.urls import include, path
from django.views.generic import RedirectView

from .api.batches import BatchesView, BatchView, CancelBatchView, ResultView, ResumeBatchView
from .api.corrections import CorrectionsView
from .api.docs import docs, schema
from .api.health import healthz, metrics, readyz
from .api.many import PredictionsBatchView
from .api.models import ActivateView, ModelsView, ModelView
from .api.pictures import ExplanationView, PictureView, PixelsView
from .api.predictions import PredictionsView, PredictionView
from .api.previews import PreviewsView
from .api.training import CancelView, ResumeView, TrainingRunsView, TrainingRunView
from .api.views import ClassifyView
from .web import documents
from .web import views as web

api = [
    path("predictions", PredictionsView.as_view(), name="predictions"),
    path("predictions/batch", PredictionsBatchView.as_view(), name="predictions-batch"),
    path("predictions/<int:pk>", PredictionView.as_view(), name="prediction"),
    path("predictions/<int:pk>/picture", PictureView.as_view(), name="picture"),
    path("predictions/<int:pk>/pixels", PixelsView.as_view(), name="pixels"),
    path("predictions/<int:pk>/explanation", ExplanationView.as_view(), name="explanation"),
    path("previews", PreviewsView.as_view(), name="previews"),
    path("corrections", CorrectionsView.as_view(), name="corrections"),
    path("models", ModelsView.as_view(), name="models"),
    path("models/<str:name>", ModelView.as_view(), name="model"),
    path("models/<str:name>/activate", ActivateView.as_view(), name="model-activate"),
    path("training-runs", TrainingRunsView.as_view(), name="training-runs"),
    path("training-runs/<int:pk>", TrainingRunView.as_view(), name="training-run"),
    path("training-runs/<int:pk>/cancel", CancelView.as_view(), name="training-run-cancel"),
    path("training-runs/<int:pk>/resume", ResumeView.as_view(), name="training-run-resume"),
    path("batches", BatchesView.as_view(), name="batches"),
    path("batches/<int:pk>", BatchView.as_view(), name="batch"),
    path("batches/<int:pk>/result", ResultView.as_view(), name="batch-result"),
    path("batches/<int:pk>/cancel", CancelBatchView.as_view(), name="batch-cancel"),
    path("batches/<int:pk>/resume", ResumeBatchView.as_view(), name="batch-resume"),
    path("schema", schema, name="schema"),
    path("docs", docs, name="docs"),
]

urlpatterns = [
    path("", web.draw, name="draw"),
    path("favicon.ico", web.icon),
    path("docs", RedirectView.as_view(pattern_name="documentation", permanent=True)),
    path("docs/", documents.index, name="documentation"),
    path("docs/report", documents.report, name="report"),
    path("docs/<slug:name>", documents.document, name="document"),
    path("about/report", RedirectView.as_view(pattern_name="report", permanent=True)),
    path("about/<slug:name>", RedirectView.as_view(pattern_name="document", permanent=True)),
    path("mnist/classify", ClassifyView.as_view(), name="classify"),
    path("api/v1/", include(api)),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
