"""Facts about the site, for templates."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def site_version() -> str:
    """The version in pyproject.toml."""
    return settings.MNIST_VERSION
