"""The API's schema and a page that shows it, open to anyone, without a CDN."""

import json
from functools import lru_cache

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def schema(request):
    """OpenAPI as JSON."""
    return HttpResponse(described(), content_type="application/json")


@lru_cache(maxsize=1)
def described() -> bytes:
    """The schema, made when it is asked for the first time: what makes it takes long to import."""
    from .schema import describe

    return json.dumps(describe(), ensure_ascii=False).encode()


@require_safe
def docs(request):
    """Swagger UI."""
    return render(request, "classifier/docs.html")
