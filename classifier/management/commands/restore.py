from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm


class Command(BaseCommand):
    help = "Put a backup back, into an empty database and an empty storage."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, help="as `backup` made it")
        parser.add_argument(
            "--dry-run", action="store_true", help="only see whether the backup is whole"
        )

    def handle(self, *, folder, dry_run, **options):
        from classifier import backup, snapshot

        try:
            facts = backup.facts_of(folder)
            if dry_run:
                self.stdout.write(f"{backup.verify(folder)} files are as they were.")
                return
            for _ in tqdm(backup.restore(folder), total=facts["files"], unit="file", disable=None):
                pass
        except (backup.NotPossible, backup.Damaged, snapshot.CannotCopy, OSError) as error:
            raise CommandError(f"Not restored. {error}") from error
        self.stdout.write(f"Restored the database and {facts['files']} files of {folder}.")
