"""The site as an ASGI application: `mnistsite.asgi:application`."""

import os
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
os.environ["MNIST_SERVING"] = "1"  # whoever imports this is going to serve

import django
from django.utils.module_loading import import_string

from .adapter import Application, Handler

if "MNIST_ATTACHED" in os.environ:  # by `serve`: workers of a killed Granian would keep its port
    import_string("classifier.parent_process.end_with_parent")(os.getppid())


def load() -> Application:
    django.setup()
    import_string("classifier.serving.start")()
    return Application(Handler())


# In a thread: a server may import this in its event loop, where Django forbids queries.
application = ThreadPoolExecutor(1).submit(load).result()
