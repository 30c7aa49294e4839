from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm


class Command(BaseCommand):
    help = "Copy the database and all uploads and versions into a new folder, while serving."

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, help="is made; on the same disk, files are linked")

    def handle(self, *, folder, **options):
        from classifier import backup, snapshot

        try:
            for _ in tqdm(backup.make(folder), unit="file", disable=None):
                pass
        except (backup.NotPossible, snapshot.CannotCopy, OSError) as error:
            raise CommandError(f"No backup was made. {error}") from error
        facts = backup.facts_of(folder)
        self.stdout.write(f"The database and {facts['files']} files are in {folder}.")
        if facts["lost"] or facts["damaged"]:
            raise CommandError(
                f"{len(facts['lost'])} files were missing from storage and "
                f"{len(facts['damaged'])} damaged before: {folder / backup.FACTS} names them."
            )
