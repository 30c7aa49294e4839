"""What `manage.py check` says of our settings."""

from django.conf import settings
from django.core.checks import Error, register

CHOICES = {"MNIST_ENGINE": ("litert", "keras"), "MNIST_PRELOAD": ("auto", "always", "never")}


@register
def settings_are_known(app_configs, **kwargs):
    """Settings with a few possible values have one of them."""
    return [
        Error(
            f"{name} is {getattr(settings, name)!r}.",
            hint=f"Set it to one of {', '.join(choices)}.",
            id=f"classifier.E{number:03}",
        )
        for number, (name, choices) in enumerate(CHOICES.items(), start=1)
        if getattr(settings, name) not in choices
    ]
