"""The site as a WSGI application: `mnistsite.wsgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
os.environ["MNIST_SERVING"] = "1"  # whoever imports this is going to serve

from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

application = get_wsgi_application()
import_string("classifier.serving.start")()
