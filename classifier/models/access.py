"""Keys that let programs in, and what each of them may do."""

import hashlib
import secrets
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare

MARK = "mnist"  # what every key begins with, so that scanners for lost secrets know it
SECRET_BYTES = 32
PREFIX_BYTES = 6
LAST_USED_EVERY = timedelta(minutes=1)
OWNER_NEEDS = {"review": "classifier.review", "train": "classifier.train"}  # and to be staff
NOBODYS_SHA256 = bytes(32)  # compared with when there is no such key, so that it takes as long


class OverQuota(RuntimeError):
    """A key has uploaded what it may on this day; `wait_s` seconds are left of it."""

    def __init__(self, quota: int):
        super().__init__(f"This key may upload {quota} pictures a day, and has. Days end in UTC.")
        now = timezone.now()
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        self.wait_s = (midnight - now).total_seconds()


class ApiKeyQuerySet(models.QuerySet):
    def issue(self, **facts) -> tuple["ApiKey", str]:
        """Make a key; returns its row and the key itself, which is kept nowhere.

        Raises ValidationError.
        """
        key = self.model(**facts)
        text = key.draw()
        key.full_clean()
        key.save(force_insert=True)
        return key, text

    def beginning_with(self, text: str) -> "ApiKey | None":
        """The key that begins so: `mnist_0a1b2c3d4e5f`, with or without the rest, or the middle."""
        parts = text.split("_")
        return self.filter(prefix=parts[1] if len(parts) > 1 else text).first()

    def matching(self, presented: str) -> "ApiKey | None":
        """The key that somebody presents, usable or not; None if there is no such key."""
        mark, _, rest = presented.partition("_")
        prefix, _, secret = rest.partition("_")
        if mark != MARK or len(prefix) != 2 * PREFIX_BYTES:
            return None
        key = self.select_related("owner").filter(prefix=prefix).first()
        expected = bytes(key.secret_sha256) if key else NOBODYS_SHA256
        return key if constant_time_compare(digest(secret), expected) else None


class ApiKey(models.Model):
    """A key for programs. It can do what its scopes say and its owner may; never deleted."""

    class Scope(models.TextChoices):
        CLASSIFY = "classify", "classify: upload pictures"
        READ = "read", "read: its own uploads, or all if its owner may see the history"
        REVIEW = "review", "review: say what pictures show, if its owner may"
        TRAIN = "train", "train: start and follow trainings, if its owner may"

    # Who leaves is deactivated, not deleted: the key then does nothing any more.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=64, help_text="What it is for, or who has it.")
    prefix = models.CharField(max_length=2 * PREFIX_BYTES, unique=True, editable=False)
    secret_sha256 = models.BinaryField(max_length=32)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="In UTC. Empty: never, until it is revoked."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # to the minute
    daily_quota = models.PositiveIntegerField(
        "uploads a day",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Days begin at midnight UTC. Empty: as many as it likes.",
    )
    counted_on = models.DateField(null=True, editable=False)  # the day, in UTC, of `counted`
    counted = models.PositiveIntegerField("uploads on that day", default=0, editable=False)
    retention_days = models.PositiveIntegerField(
        "days until its uploads are erased",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Empty: as the site keeps them.",
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self):
        return f"{self.name} ({self.beginning}_...)"

    def clean(self):
        """A key that could not do what it is for is refused when it is made."""
        owner = getattr(self, "owner", None)
        for scope in self.scopes or []:
            needed = OWNER_NEEDS.get(scope)
            if scope not in self.Scope:
                raise ValidationError({"scopes": f"There is no scope {scope!r}."})
            if owner and needed and not (owner.is_staff and owner.has_perm(needed)):
                raise ValidationError(
                    {"scopes": f"{owner} is not staff with the permission to {scope}."}
                )
        if self._state.adding and self.has_expired:
            raise ValidationError({"expires_at": "This moment has passed."})

    def draw(self) -> str:
        """Give it a new secret; returns the key, which is kept nowhere."""
        self.prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        self.secret_sha256 = digest(secret)
        return f"{MARK}_{self.prefix}_{secret}"

    def revoke(self) -> None:
        """End it at once and for good."""
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])

    @property
    def beginning(self) -> str:
        """What may be shown of it."""
        return f"{MARK}_{self.prefix}"

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def state(self) -> str:
        """What a request with it meets: usable, revoked, expired, or left by its owner."""
        if self.revoked_at:
            return "revoked"
        if self.has_expired:
            return "expired"
        return "usable" if self.owner.is_active else "its owner's account is closed"

    @property
    def counted_today(self) -> int:
        return self.counted if self.counted_on == timezone.now().date() else 0

    def refuse_over_quota(self) -> None:
        """Raises OverQuota when nothing is left of the day's uploads."""
        if self.daily_quota is not None and self.counted_today >= self.daily_quota:
            raise OverQuota(self.daily_quota)

    def count_uploads(self, uploads: int = 1) -> None:
        """Count against the quota, in one statement, so that processes together keep to it.

        Raises OverQuota.
        """
        if self.daily_quota is None:
            return
        today = timezone.now().date()
        others = Q(counted__lte=F("daily_quota") - uploads)
        allowed = type(self).objects.filter(
            (~Q(counted_on=today) & Q(daily_quota__gte=uploads)) | (Q(counted_on=today) & others),
            pk=self.pk,
        )
        if not allowed.update(
            counted=Case(When(counted_on=today, then=F("counted") + uploads), default=uploads),
            counted_on=today,
        ):
            raise OverQuota(self.daily_quota)

    def note_use(self) -> None:
        """Keep when it was used last; written once a minute at most."""
        now = timezone.now()
        if not self.last_used_at or now - self.last_used_at >= LAST_USED_EVERY:
            self.last_used_at = now
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)


def digest(secret: str) -> bytes:
    """SHA-256, (32,) bytes. A secret of 256 random bits needs no slower hash."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()
