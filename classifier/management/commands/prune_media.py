from collections import Counter

from django.core.management.base import BaseCommand, CommandError

SHOWN = 20
MOST = 0.5  # of the files missing: rather the wrong storage than lost files


class Command(BaseCommand):
    help = (
        "Delete files that nothing points at, such as a killed server leaves, and tell of uploads "
        "whose files are missing. Nothing younger than an hour is touched."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="only list what would go")
        parser.add_argument(
            "--erase-rows",
            action="store_true",
            help="also mark uploads whose files are missing as erased, which loses their pixels",
        )

    def handle(self, *, dry_run, erase_rows, **options):
        from classifier import prune

        counts = Counter()
        for each in prune.leftovers():
            counts[each.kind] += 1
            if dry_run or options["verbosity"] > 1:
                self.stdout.write(f"{each.kind}: {each.path}")
            if not dry_run:
                each.remove()
        found = ", ".join(f"{count} of kind '{kind}'" for kind, count in counts.items())
        verb = "would be removed" if dry_run else "removed"
        self.stdout.write(f"Left over: {found}; {verb}." if found else "Nothing is left over.")
        self.rows(list(prune.rows_without_files()), dry_run, erase_rows)

    def rows(self, lost, dry_run, erase_rows):
        """Tell of uploads without files, and erase what else is kept of them if that is wanted."""
        from classifier import erasure
        from classifier.models import Prediction

        if not lost:
            return
        ids = ", ".join(map(str, lost[:SHOWN])) + (", ..." if len(lost) > SHOWN else "")
        self.stdout.write(f"{len(lost)} without their file: upload {ids}")
        if dry_run or not erase_rows:
            return
        if len(lost) > MOST * Prediction.objects.filter(erased_at=None).count():
            raise CommandError("Most files are missing. Is this the right storage? None erased.")
        chunks = (lost[start : start + 1000] for start in range(0, len(lost), 1000))
        done = sum(erasure.erase(Prediction.objects.filter(pk__in=chunk)) for chunk in chunks)
        self.stdout.write(f"Erased {done} of them.")
