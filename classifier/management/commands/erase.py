from django.core.management.base import BaseCommand, CommandError

from classifier.models import ApiKey, Prediction


class Command(BaseCommand):
    help = "Erase uploads for good: file, pixels, name and digest. Their answers stay counted."

    def add_arguments(self, parser):
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="an upload's id")
        parser.add_argument("--key", metavar="PREFIX", help="all that was sent with this API key")
        parser.add_argument("--sha256", metavar="HEX", help="every upload of the file with it")
        parser.add_argument("--dry-run", action="store_true", help="only count them")
        parser.add_argument("--no-input", action="store_true", help="do not ask first")

    def handle(self, *, ids, key, sha256, dry_run, no_input, **options):
        from classifier import erasure

        chosen = choose(ids, key, sha256).filter(erased_at=None)
        count = chosen.count()
        uploads = f"{count} {'upload' if count == 1 else 'uploads'}"
        if dry_run:
            self.stdout.write(f"{uploads} would be erased.")
            return
        if count and not no_input and input(f"Erase {uploads} for good? [y/N] ").lower() != "y":
            raise CommandError("Nothing was erased.")
        self.stdout.write(f"Erased {erasure.erase(chosen)} of {uploads}.")


def choose(ids, prefix, sha256):
    """The uploads that all of the options name."""
    if not (ids or prefix or sha256):
        raise CommandError("Name what to erase: ids, --key PREFIX or --sha256 HEX.")
    chosen = Prediction.objects.all()
    if ids:
        unknown = set(ids) - set(chosen.filter(pk__in=ids).values_list("pk", flat=True))
        if unknown:
            raise CommandError(f"There is no upload {', '.join(map(str, sorted(unknown)))}.")
        chosen = chosen.filter(pk__in=ids)
    if prefix:
        key = ApiKey.objects.beginning_with(prefix)
        if key is None:
            raise CommandError(f"There is no key {prefix}.")
        chosen = chosen.filter(key=key)
    if sha256:
        try:
            chosen = chosen.filter(sha256=bytes.fromhex(sha256))
        except ValueError as error:
            raise CommandError(f"{sha256} is no SHA-256 in hexadecimal digits.") from error
    return chosen
