"""The pages for everybody."""

from django.conf import settings
from django.contrib.staticfiles import finders
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from classifier import registry
from classifier.api.access import VIEW, is_staff_with
from classifier.models import LABELS, NOT_A_DIGIT

SAMPLES = [
    "0_tiny.png",
    "1_fountain.webp",
    "2_phone.jpg",
    "3_marker.jpg",
    "4_sticky.jpg",
    "5_chalk.jpg",
    "6_pencil.jpg",
    "7_brush.jpg",
    "8_transparent.png",
    "9_paint.png",
]


@require_safe
@cache_control(private=True, no_cache=True)
def draw(request):
    """Draw a digit, or bring a picture, and see what the network makes of it."""
    version = registry.active_if_any()
    return render(
        request,
        "classifier/draw.html",
        {
            "digits": range(10),
            "not_a_digit": LABELS[NOT_A_DIGIT],
            "samples": samples(),
            **(figures(version) if version else {}),
            "may_review": may_review(request.user),
            # Where keys are required, staff go by their session, which /mnist/classify ignores.
            "keep_at": reverse("predictions" if settings.MNIST_REQUIRE_KEY else "classify"),
            "closed": settings.MNIST_REQUIRE_KEY and not is_staff_with("", request.user),
        },
    )


def samples() -> list[tuple[str, str]]:
    """The sample pictures that are installed: each file, and in words what it is."""
    found = [name for name in SAMPLES if finders.find(f"samples/{name}")]
    return [(name, name.partition(".")[0].replace("_", ", ")) for name in found]


def figures(version) -> dict:
    """What is known of a version, in words; empty where it is not."""
    share, numbers = version.metrics.get("test_accuracy"), version.facts.get("parameters")
    return {
        "version": version,
        "accuracy": f"{100 * share:.2f} %" if share else "",
        "parameters": f"{numbers:,}" if numbers else "",
    }


@require_safe
def icon(request):
    """Where browsers look for the icon of a page that names none, as the admin's do."""
    return redirect(static("classifier/icon.svg"), permanent=True)


def may_review(user) -> bool:
    """Whether this person may say what pictures show, as the admin asks it."""
    return is_staff_with(VIEW, user) and is_staff_with("classifier.review", user)
