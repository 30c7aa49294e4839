"""The first account of a new site."""

import secrets

from django.contrib.auth import get_user_model

FIRST_NAME = "admin"


def create_first() -> tuple[str, str] | None:
    """Create a staff account when there is no account at all.

    Returns its name and its random password, which is kept nowhere but as a hash, or None.
    """
    users = get_user_model().objects
    if users.exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(FIRST_NAME, password=password)
    return FIRST_NAME, password
