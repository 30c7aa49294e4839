import json

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "List the API keys, newest first: what each begins with, whose it is, what it may."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, **options):
        from classifier.models import ApiKey

        show = as_json if options["json"] else as_row
        keys = ApiKey.objects.select_related("owner")
        for key in keys:
            self.stdout.write(show(key))
        if not keys:
            self.stderr.write("There are no API keys yet: create_api_key makes one.")


def as_json(key):
    return json.dumps(
        {
            "begins_with": key.beginning,
            "name": key.name,
            "owner": key.owner.username,
            "state": key.state,
            "scopes": key.scopes,
            "daily_quota": key.daily_quota,
            "retention_days": key.retention_days,
            "created_at": key.created_at.isoformat(),
            "expires_at": key.expires_at and key.expires_at.isoformat(),
            "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
        }
    )


def as_row(key):
    used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    return (
        f"{key.beginning}  {key.state:8} {key.name:24} {key.owner.username:16} "
        f"{','.join(key.scopes)}  {used}"
    )
