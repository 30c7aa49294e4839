from django.urls import path

from .api.views import ClassifyView

urlpatterns = [path("mnist/classify", ClassifyView.as_view(), name="classify")]
