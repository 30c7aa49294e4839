"""The site as an ASGI application: `mnistsite.asgi:application`."""

import os
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mnistsite.settings")
os.environ["MNIST_SERVING"] = "1"  # whoever imports this is going to serve

import django

from .adapter import Application, Handler


def load() -> Application:
    """Set Django up, load the network, and find out which version is active."""
    django.setup()
    from classifier import inference

    inference.start()
    return Application(Handler())


# In a thread: a server may import this in its event loop, where Django forbids queries.
application = ThreadPoolExecutor(1).submit(load).result()
