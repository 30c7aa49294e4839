import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Measure a version on labelled pictures. A refused picture counts as wrong."

    def add_arguments(self, parser):
        parser.add_argument(
            "--data",
            type=Path,
            action="append",
            default=[],
            metavar="FILE.npz",
            help="arrays x_test, y_test or x, y; may be repeated",
        )
        parser.add_argument(
            "--as-uploads",
            action="store_true",
            help="send --data as PNG files through the preprocessing of an upload",
        )
        parser.add_argument(
            "--also-as-uploads", action="store_true", help="measure --data in both ways"
        )
        parser.add_argument(
            "--images",
            type=Path,
            action="append",
            default=[],
            metavar="DIR",
            help="pictures whose folder or file name begins with the digit; may be repeated",
        )
        parser.add_argument("--model", default="", help="a version's name; default: the active one")
        parser.add_argument(
            "--report", type=Path, metavar="DIR", help="write report.html and report.json"
        )
        parser.add_argument(
            "--pictures-of",
            action="append",
            metavar="SET",
            help="a set whose mistakes the report shows as pictures; default: all",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, data, images, model, report, pictures_of, **options):
        from classifier import inference, registry, training

        if not data and not images:
            raise CommandError("Name something to measure on: --data FILE.npz or --images DIR")
        ways = [options["as_uploads"]] if not options["also_as_uploads"] else [False, True]
        try:
            source, answers = training.measure(model, data, images, ways)
            if report:
                training.write_report(report, source, answers, pictures_of)
        except (OSError, ValueError, inference.NotReady, registry.UnknownVersion) as error:
            raise CommandError(str(error)) from error
        sets = [training.figures(each) for each in answers]
        show = as_json if options["json"] else as_table
        self.stdout.write(show(source.name, sets))


def as_json(version, sets):
    return json.dumps({"model": version, "sets": sets})


def as_table(version, sets):
    lines = [
        f"Version {version}",
        f"{'':36} {'images':>6} {'refused':>7} {'accuracy':>8} {'certain':>8} {'right of':>9}",
        f"{'':36} {'':>6} {'':>7} {'':>8} {'':>8} {'these':>9}",
    ]
    for each in sets:
        lines.append(
            f"{each['name'][-36:]:36} {each['images']:>6} {each['refused']:>7} "
            f"{percent(each['accuracy']):>8} {percent(each.get('certain')):>8} "
            f"{percent(each.get('accuracy_of_certain')):>9}"
        )
    return "\n".join(lines)


def percent(share):
    return "-" if share is None else f"{share:.2%}"
