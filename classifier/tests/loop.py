"""The modules that run in the server's event loop, with something else in Django's place."""

import gc
import importlib
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

from django.http import HttpResponse

import mnistsite


class Django:
    """In Django's place: answers when it may, and notes what it was asked."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = []
        self.requests = []
        self.takes_s = 0
        self.stream = self.answer = None  # what is answered instead of the body

    def __call__(self, environ, start_response):
        self.asked.append(environ["PATH_INFO"])
        assert self.may_answer.wait(10)
        start_response("200 OK", [("content-type", "text/plain")])
        return self.stream or Body([environ["wsgi.input"].read()])

    def get_response(self, request):
        self.asked.append(request.path)
        self.requests.append(request)
        time.sleep(self.takes_s)
        body = request.read()
        return HttpResponse(self.answer or body) if body != b"bad" else 1 / 0


class Body(list):
    def close(self):
        pass


class Stream:
    """An answer that is made piece by piece."""

    streaming = True

    def __init__(self, pieces):
        self.pieces, self.told, self.closed = pieces, 0, False

    def __iter__(self):
        for piece in self.pieces:
            self.told += 1
            yield piece

    def close(self):
        self.closed = True


@contextmanager
def loaded_anew(django, monkeypatch):
    """Import them anew, with the other Django."""
    monkeypatch.setitem(sys.modules, "mnistsite.wsgi", SimpleNamespace(application=django))
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "")  # which they set, and nobody else may keep
    _forget()
    thresholds = gc.get_threshold()
    bridge = importlib.import_module("mnistsite.bridge")
    database = SimpleNamespace(close_if_unusable_or_obsolete=lambda: None)
    monkeypatch.setattr(bridge, "connections", {"default": database})
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    _forget()


def _forget():
    for name in ("bridge", "refusals", "rounds", "asgi", "protocol"):
        sys.modules.pop(f"mnistsite.{name}", None)
        vars(mnistsite).pop(name, None)
