"""The floor: a bare DRF view that stores an upload and answers a constant.

Written as one would first write it: the upload from `request.FILES`, decoded, one file by a
FileField, one row by the ORM. No network, no preparation, no middleware. What it leaves out
is what the service under test does beside; how both are run is the same.

    FOLDER=/tmp/floor python benchmarks/floor.py            # make the database
    FOLDER=/tmp/floor granian --interface wsgi benchmarks.floor:application
"""

import os
from pathlib import Path

import cv2
import django
import numpy as np
from django.conf import settings
from django.urls import path

FOLDER = Path(os.environ["FOLDER"])

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MEDIA_ROOT=FOLDER / "media",
    SECRET_KEY="only for measuring",
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "db.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView


class Upload(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    picture = models.FileField(upload_to="%Y/%m/%d")
    digit = models.PositiveSmallIntegerField()

    class Meta:
        app_label = "floor"


class FloorView(APIView):
    parser_classes = [MultiPartParser]

    def post(self, request):
        file = request.FILES["image"]
        cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
        file.seek(0)
        upload = Upload.objects.create(picture=file, digit=7)
        return Response({"classification": "7", "id": upload.pk})


urlpatterns = [path("mnist/classify", FloorView.as_view())]

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Upload)
else:
    application = get_wsgi_application()
