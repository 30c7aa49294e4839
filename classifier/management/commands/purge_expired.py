from django.core.management.base import BaseCommand
from tqdm import tqdm


class Command(BaseCommand):
    help = (
        "Remove uploads whose time is over: whole rows after MNIST_RETENTION_DAYS, what was sent "
        "after a key's own days; and notes of old logins. Safe to run while serving, and again "
        "when it was cut short."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="only count them")

    def handle(self, *, dry_run, **options):
        from classifier import logins, retention

        rules = retention.rules()
        if not rules:
            self.stdout.write("No retention is set: uploads are kept for ever.")
        for rule in rules:
            if dry_run:
                self.stdout.write(f"{rule.whose}: {rule.rows.count()} would be {rule.verb}.")
                continue
            with tqdm(unit="upload", disable=None) as bar:
                done = sum(size for size in rule.apply(rule.rows) if bar.update(size) or True)
            self.stdout.write(f"{rule.whose}: {done} {rule.verb}.")
        for whose, rows in logins.expired():
            count = rows.count() if dry_run else rows.delete()[0]
            self.stdout.write(f"{whose}: {count} {'would be ' if dry_run else ''}deleted.")
