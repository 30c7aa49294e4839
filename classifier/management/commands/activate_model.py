from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Let a version answer, or go back to an earlier one; no restart is needed."

    def add_arguments(self, parser):
        parser.add_argument("name", help="the version, as list_models shows it")
        parser.add_argument(
            "--overrule",
            default="",
            metavar="REASON",
            help="promote a candidate although the gate holds it back; the reason is kept",
        )

    def handle(self, *, name, overrule, **options):
        from classifier import gate, inference, registry

        try:
            version = registry.find(name.removesuffix(".keras"))
            promotion = gate.promote(version, overrule_because=overrule)
        except gate.HeldBack as error:
            raise CommandError(f"{error}. Overrule it with: --overrule REASON") from error
        except (registry.UnknownVersion, inference.NotReady) as error:
            raise CommandError(str(error)) from error
        for each in (promotion.gate or {}).get("sets", []):
            self.stdout.write(each["text"])
        instead = f" instead of {promotion.previous}" if promotion.previous else ""
        self.stdout.write(
            f"{version} is active{instead}. Every serving process answers with it within 5 seconds."
        )
