from django.http import JsonResponse
from django.views.decorators.http import require_safe

from classifier.health import readiness

from .problem import RETRY_AFTER_S


@require_safe
def healthz(request):
    """The process answers."""
    return JsonResponse({"status": "alive"})


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
