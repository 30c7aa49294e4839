"""Wrong passwords: how many may be tried before further ones are refused for a while.

django-axes counts them in the database, so that all processes count together. A login that is
refused costs one query and no hash of its password, which is slow by design.
"""

import logging
from datetime import timedelta

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.throttling import BaseThrottle

from .addresses import network

logger = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=90)  # an address that an account has logged in from


class LoginHandler(AxesDatabaseHandler):
    """Three limits: of an account at an address, of an address, and of an account.

    The last one spares addresses that the account has logged in from: whoever tries passwords
    elsewhere cannot keep its owner out.
    """

    def get_failures(self, request, credentials=None) -> int:
        """The failures, as a share of the limit that is nearest: axes knows only one limit."""
        account, address = get_client_username(request, credentials), request.axes_ip_address
        of_account, of_address = Q(username=account), Q(ip_address=address)
        recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
        counted = recent.filter(of_account | of_address).aggregate(
            both=Sum("failures_since_start", filter=of_account & of_address, default=0),
            address=Sum("failures_since_start", filter=of_address, default=0),
            account=Sum("failures_since_start", filter=of_account, default=0),
        )
        limit = settings.AXES_FAILURE_LIMIT
        here = max(
            counted["both"], counted["address"] * limit // settings.MNIST_LOGIN_FAILURES_ADDRESS
        )
        anywhere = counted["account"] * limit // settings.MNIST_LOGIN_FAILURES_ACCOUNT
        if here < limit <= anywhere and is_known(account, address):
            return here
        return max(here, anywhere)

    def clean_expired_user_attempts(self, request=None, credentials=None) -> int:
        """Delete what no longer counts, but not for a login that is refused: that only reads."""
        if request is not None and getattr(request, "axes_locked_out", False):
            return 0
        return super().clean_expired_user_attempts(request, credentials)

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        if request is not None:
            account = (get_client_username(request, credentials) or "")[:150]
            outcome = "refused, too many have failed" if request.axes_locked_out else "failed"
            address = request.axes_ip_address or "unknown"
            logger.warning("Login %s: account %r, address %s", outcome, account, address)
        super().user_login_failed(sender, credentials, request, **kwargs)

    def user_logged_in(self, sender, request, user, **kwargs):
        AxesProxyHandler.update_request(request)
        super().user_logged_in(sender, request, user, **kwargs)

    def user_logged_out(self, sender, request, user, **kwargs):
        AxesProxyHandler.update_request(request)
        super().user_logged_out(sender, request, user, **kwargs)


def is_known(account: str, address: str | None) -> bool:
    """Whether an account has logged in from an address lately."""
    found = AccessLog.objects.filter(username=account, attempt_time__gte=timezone.now() - KNOWN_FOR)
    return address is not None and found.filter(ip_address=address).exists()


def client_address(request: HttpRequest) -> str | None:
    """The address of a client as the other limits have it; None if it is no IP address.

    Of IPv6 it is the first address of the /64 that one subscriber has.
    """
    found = network(BaseThrottle().get_ident(request) or "").partition("/")[0]
    try:
        validate_ipv46_address(found)
    except ValidationError:
        return None
    return found


def expired() -> list[tuple[str, QuerySet]]:
    """Notes of logins that no longer count: what they are, and their rows."""
    now = timezone.now()
    attempts = AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
    logs = AccessLog.objects.filter(attempt_time__lt=now - KNOWN_FOR)
    return [
        ("Failed logins that no longer count", attempts),
        (f"Logins of more than {KNOWN_FOR.days} days ago", logs),
    ]
