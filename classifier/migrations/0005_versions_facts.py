from pathlib import Path

from django.conf import settings
from django.db import migrations


def fill_from_facts(apps, schema_editor):
    """Versions that were recorded before know their digests and figures from their facts."""
    shipped = Path(settings.BASE_DIR) / "ml" / "weights"
    for version in apps.get_model("classifier", "ModelVersion").objects.all():
        metrics = version.facts.get("metrics", {})
        version.metrics = {key: metrics[key] for key in metrics if key != "epochs"}
        version.tflite_sha256 = version.facts.get("tflite_sha256", "")
        version.shipped = (shipped / f"{version.name}.json").exists()
        version.save()


class Migration(migrations.Migration):
    dependencies = [("classifier", "0004_versions")]
    operations = [migrations.RunPython(fill_from_facts, migrations.RunPython.noop)]
