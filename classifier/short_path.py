"""The way of an upload: past the middleware that only pages need."""

from functools import cache

from django.urls import ResolverMatch, resolve

UPLOADS = "/mnist/classify"


class ShortPathMiddleware:
    """Take uploads straight to their view: no session, no messages, no CSRF, no static files.

    What every answer needs stands before it in MIDDLEWARE: counts, request ids, HTTPS.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method != "POST" or request.path_info != UPLOADS:
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost, as CommonMiddleware does for the others
        request.resolver_match = destination()
        response = request.resolver_match.func(request)
        return response.render() if hasattr(response, "render") else response


@cache
def destination() -> ResolverMatch:
    return resolve(UPLOADS)
