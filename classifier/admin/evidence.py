"""Evidence for staff: rows nobody edits, and the pictures behind them, served harmlessly."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from classifier import inference

from .long_lists import CappedPaginator, LongList

SANDBOX = "default-src 'none'; sandbox"
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "BMP": "image/bmp"}


class Evidence(admin.ModelAdmin):
    """Rows that are looked at and searched, never added, changed or deleted; any number."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # it would count the whole table for each choice

    def get_changelist(self, request, **kwargs):
        return LongList

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class UploadViews:
    """The upload of a row: small, large, and as it was sent. Only for those who may see the row."""

    THUMBNAIL_SIDE = 96  # pixels; shown at half of that, for fine screens
    PICTURE_SIDE = 800

    def get_urls(self):
        def page(view, name):
            return path(
                f"<int:pk>/{name}",
                self.admin_site.admin_view(view),
                name=f"classifier_prediction_{name}",
            )

        return [
            page(self.thumbnail_view, "thumbnail"),
            page(self.picture_view, "picture"),
            page(self.upload_view, "upload"),
            *super().get_urls(),
        ]

    def thumbnail_view(self, request, pk):
        return self._redrawn(request, pk, self.THUMBNAIL_SIDE)

    def picture_view(self, request, pk):
        return self._redrawn(request, pk, self.PICTURE_SIDE)

    def _redrawn(self, request, pk, side):
        """The upload as a PNG of our own making: whatever else the file held is not in it."""
        with self._open(request, pk)[1] as file:
            try:
                png = inference.thumbnail(file.read(), side)
            except (OSError, inference.InvalidImage) as error:
                raise Http404("The file of this upload is damaged.") from error
        return HttpResponse(png, content_type="image/png")  # the admin's: no browser stores it

    def upload_view(self, request, pk):
        """The file as it was sent, to be saved, never to be shown by the browser."""
        prediction, file = self._open(request, pk)
        response = FileResponse(
            file,
            as_attachment=True,
            filename=prediction.original_name or f"upload-{prediction.pk}",
            content_type=MEDIA_TYPES[prediction.format],
        )
        response["Content-Security-Policy"] = SANDBOX
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def _open(self, request, pk):
        prediction = get_object_or_404(self.model, pk=pk)
        if not self.has_view_permission(request, prediction):
            raise PermissionDenied
        if prediction.erased_at:
            raise Http404("This upload was erased.")
        try:
            return prediction, prediction.upload.open()
        except OSError as error:
            raise Http404("The file of this upload is gone.") from error
