from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from classifier.health import readiness
from classifier.metrics import exposition

from .problem import RETRY_AFTER_S, Problem, respond


@require_safe
def healthz(request):
    """Answer 200 while the process is alive."""
    return JsonResponse({"status": "alive", "version": settings.MNIST_VERSION})


@require_safe
def readyz(request):
    """The process reads pictures; 503 and the reason when it does not."""
    found = readiness()
    body = {"status": "ready" if found.ready else "not ready", "model": found.version or None}
    if found.problem:
        body["problem"] = found.problem
    if found.ready:
        return JsonResponse(body)
    return JsonResponse(body, status=503, headers={"Retry-After": RETRY_AFTER_S})


@require_safe
def metrics(request):
    """Figures for Prometheus; with MNIST_METRICS_KEY only for those who have it."""
    sent = request.META.get("HTTP_AUTHORIZATION", "")
    key = settings.MNIST_METRICS_KEY
    if key and not constant_time_compare(sent, f"Bearer {key}"):
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        detail = "Send MNIST_METRICS_KEY as: Authorization: Bearer KEY"
        return respond(request, Problem(401, "no_key", detail, headers=challenge))
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
