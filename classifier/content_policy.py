"""What a page may load and do, said in headers of every page."""

from django.conf import settings

FEATURES = ("camera", "geolocation", "microphone", "payment", "usb")  # none is used


class ContentPolicyMiddleware:
    """Send the content policy with every page that brings none of its own.

    Only with pages: to JSON and pictures it means nothing. Django 6.0 has a middleware for the
    same setting, SECURE_CSP.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.policy = "; ".join(
            " ".join((name, *said)) for name, said in settings.SECURE_CSP.items()
        )
        self.permissions = ", ".join(f"{feature}=()" for feature in FEATURES)

    def __call__(self, request):
        response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            if not (settings.DEBUG and response.status_code >= 400):  # Django's own are all inline
                response.headers.setdefault("Content-Security-Policy", self.policy)
            response.headers.setdefault("Permissions-Policy", self.permissions)
        return response
