import json

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "List the versions, newest first: state, accuracy on MNIST's test images, origin."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, **options):
        from classifier import registry
        from classifier.models import ModelVersion

        registry.active_if_any()  # registers the shipped one
        show = as_json if options["json"] else as_row
        for version in ModelVersion.objects.select_related("parent"):
            self.stdout.write(show(version))


def as_json(version):
    return json.dumps(
        {
            "name": version.name,
            "state": version.state,
            "network": version.network,
            "parent": version.parent and version.parent.name,
            "test_accuracy": version.metrics.get("test_accuracy"),
            "created_at": version.created_at.isoformat(),
            "problem": version.problem,
            "notes": version.notes,
        }
    )


def as_row(version):
    accuracy = version.metrics.get("test_accuracy")
    origin = "shipped" if version.shipped else f"from {version.parent or 'random weights'}"
    return (
        f"{version.state:10} {version.name:32} "
        f"{'-' if accuracy is None else f'{accuracy:.2%}':>7}  "
        f"{version.created_at:%Y-%m-%d %H:%M}  {origin}"
        f"{f'  PROBLEM: {version.problem}' if version.problem else ''}"
    )
