from datetime import UTC, datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from classifier.models import ApiKey


class Command(BaseCommand):
    help = "Make a key for a program. It is printed, and kept nowhere."

    def add_arguments(self, parser):
        scopes = [scope.value for scope in ApiKey.Scope]
        parser.add_argument("name", help="what it is for, or who has it")
        parser.add_argument(
            "--owner", required=True, metavar="ACCOUNT", help="with whose rights it acts"
        )
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=scopes,
            default=["classify"],
            metavar="SCOPE",
            help=f"what it may: {', '.join(scopes)}; without this: classify",
        )
        parser.add_argument(
            "--expires", type=day, metavar="YYYY-MM-DD", help="its first day, in UTC, without use"
        )
        parser.add_argument(
            "--quota", type=int, metavar="N", help="uploads a day, until midnight UTC"
        )
        parser.add_argument(
            "--retention-days", type=int, metavar="N", help="how long its uploads are kept"
        )

    def handle(self, *, name, owner, scopes, expires, quota, retention_days, **options):
        account = get_user_model().objects.filter(username=owner).first()
        if account is None:
            raise CommandError(f"There is no account {owner!r}.")
        try:
            key, text = ApiKey.objects.issue(
                name=name,
                owner=account,
                scopes=scopes,
                expires_at=expires,
                daily_quota=quota,
                retention_days=retention_days,
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stderr.write(f"{key.name} may {', '.join(key.scopes)}. The key is shown only now:")
        self.stdout.write(text)  # alone, so that a script can take it


def day(text):
    """A day as the moment it begins, in UTC."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
