import logging

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from .checks import check_media, check_throttles

logger = logging.getLogger(__name__)


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = "Digit classifier"

    def ready(self):
        checks.register(check_throttles)
        checks.register(check_media)
        if is_serving():
            load_network()


def is_serving() -> bool:
    """Whether this process is going to answer requests: a WSGI server's, or runserver's child."""
    if settings.MNIST_PRELOAD == "auto":
        return settings.MNIST_SERVING
    return settings.MNIST_PRELOAD == "always"


def load_network() -> None:
    """Load the shipped network; wsgi.py then asks which version is active, with a query.

    Without a network the site starts all the same, and answers 503.
    """
    from . import inference  # imports OpenCV, which no command but these needs

    inference.load_shipped()
    if inference.Serving.problem:
        logger.warning("Nothing can be classified yet. %s", inference.Serving.problem)
