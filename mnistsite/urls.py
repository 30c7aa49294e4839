"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("classifier.urls")),
]

handler400 = "classifier.api.errors.bad_request"
handler403 = "classifier.api.errors.permission_denied"
handler404 = "classifier.api.errors.page_not_found"
handler500 = "classifier.api.errors.server_error"
