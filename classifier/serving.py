"""What a process that serves does beside responding to requests."""

from . import deadline, health, inference


def start() -> None:
    """Load the active version and follow it; watch what is needed, and how long reading takes."""
    inference.start()
    health.watch()
    deadline.watch()
