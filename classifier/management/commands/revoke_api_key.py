from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Revoke API keys, at once and for good. What was sent with them stays."

    def add_arguments(self, parser):
        parser.add_argument(
            "prefixes",
            nargs="+",
            metavar="PREFIX",
            help="what a key begins with, as list_api_keys shows it; a whole key will do",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say which")

    def handle(self, *, prefixes, dry_run, **options):
        from classifier.models import ApiKey

        keys = [ApiKey.objects.beginning_with(prefix) for prefix in prefixes]
        if None in keys:  # then none is revoked; a whole key is not shown again
            shown = "_".join(prefixes[keys.index(None)].split("_")[:2])
            raise CommandError(f"There is no key {shown}.")
        for key in keys:
            if key.revoked_at:
                self.stdout.write(f"{key} was revoked on {key.revoked_at:%Y-%m-%d}.")
            elif dry_run:
                self.stdout.write(f"{key} of {key.owner} would be revoked.")
            else:
                key.revoke()
                self.stdout.write(f"{key} of {key.owner} is revoked.")
