"""Who may do what under /api/v1, and with a key at /mnist/classify."""

from contextlib import suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from classifier.circuit_breaker import CircuitOpen
from classifier.history import database_breaker
from classifier.models import ApiKey, Prediction, PredictionQuerySet
from classifier.models.access import OWNER_NEEDS

VIEW = "classifier.view_prediction"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`: the key in `request.auth`, its owner in `request.user`."""

    def authenticate(self, request):
        scheme, _, presented = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        with database_breaker.attempt():
            key = ApiKey.objects.matching(presented.strip().decode("ascii", "replace"))
        if key is None:
            raise AuthenticationFailed("There is no such key.", code="unknown_key")
        if key.state != "usable":
            raise AuthenticationFailed(
                f"This key cannot be used: {key.state}.", code="unusable_key"
            )
        note_use(key)
        return key.owner, key

    def authenticate_header(self, request):
        return 'Bearer realm="digits"'


def note_use(key: ApiKey) -> None:
    """Keep when a key was used; a database that cannot be written to is no reason to refuse it."""
    with suppress(CircuitOpen, OperationalError, InterfaceError), database_breaker.attempt():
        key.note_use()


class OptionalKey(KeyAuthentication):
    """The same, but where no key is required, one that is no good is as none."""

    def authenticate(self, request):
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        if settings.MNIST_REQUIRE_KEY:
            return super().authenticate(request)
        with suppress(AuthenticationFailed):
            return super().authenticate(request)


AUTHENTICATION = [KeyAuthentication, SessionAuthentication]  # the first one's header makes a 401


class Allowed(BasePermission):
    """A key with the scope, and the permission of its owner or of the member of staff."""

    scope = ""
    permission = ""  # empty: every member of staff
    scope_is_enough = False  # for a key, whatever its owner may

    def has_permission(self, request, view):
        if request.auth and self.scope not in request.auth.scopes:
            self.message, self.code = f"This key lacks the scope {self.scope!r}.", "wrong_scope"
            return False
        if request.auth and self.scope_is_enough:
            return True
        return is_staff_with(self.permission, request.user)


class MayClassify(Allowed):
    """Anybody, unless keys are required. A key that is sent needs the scope all the same."""

    scope = ApiKey.Scope.CLASSIFY.value
    scope_is_enough = True

    def has_permission(self, request, view):
        if not request.auth and not settings.MNIST_REQUIRE_KEY:
            return True
        allowed = super().has_permission(request, view)
        if allowed and request.auth:
            request.auth.refuse_over_quota()  # now, not after the picture has been read
        return allowed


class MayRead(Allowed):
    """Uploads and answers; which of them, says `readable`."""

    scope = ApiKey.Scope.READ.value
    permission = VIEW
    scope_is_enough = True


class MayReview(Allowed):
    scope = ApiKey.Scope.REVIEW.value
    permission = OWNER_NEEDS["review"]


class MayTrain(Allowed):
    scope = ApiKey.Scope.TRAIN.value
    permission = OWNER_NEEDS["train"]


def readable(request) -> PredictionQuerySet:
    """The uploads that a request that `MayRead` may see: all, or those of its own key."""
    if is_staff_with(VIEW, request.user):
        return Prediction.objects.all()
    return (
        Prediction.objects.filter(key=request.auth) if request.auth else Prediction.objects.none()
    )


def is_staff_with(permission: str, user) -> bool:
    """Active staff, with a permission if one is named."""
    if not (user and user.is_active and user.is_staff):
        return False
    return not permission or user.has_perm(permission)
