from django.urls import path

from .api.health import healthz, readyz
from .api.views import ClassifyView

urlpatterns = [
    path("mnist/classify", ClassifyView.as_view(), name="classify"),
    path("healthz", healthz),
    path("readyz", readyz),
]
