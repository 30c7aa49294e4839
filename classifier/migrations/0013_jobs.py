import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KINDS = ("batch", "replay", "trainingrun")
STATES = [
    ("waiting", "waiting for a worker"),
    ("running", "running"),
    ("done", "done"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
]


def cancel_what_was_to_be_cancelled(apps, schema_editor):
    open_runs = apps.get_model("classifier", "TrainingRun").objects.filter(
        cancel_requested=True, state__in=["waiting", "running"]
    )
    open_runs.update(state="cancelled", reason="Cancelled.")


def on_each(operation, name, *args):
    return [operation(kind, name, *args) for kind in KINDS]


class Migration(migrations.Migration):
    """Batches, replays and trainings become jobs: the same fields in all three."""

    dependencies = [
        ("classifier", "0012_replay_task"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(cancel_what_was_to_be_cancelled, migrations.RunPython.noop),
        migrations.RemoveField("trainingrun", "cancel_requested"),
        *on_each(migrations.RenameField, "heard_at", "last_heartbeat_at"),
        *on_each(
            migrations.AlterField, "reason", models.TextField("why it ended early", blank=True)
        ),
        migrations.AddField("batch", "host", models.CharField(blank=True, max_length=255)),
        migrations.AddField("batch", "pid", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("batch", "started_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField("batch", "finished_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "batch", "last_heartbeat_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            "batch",
            "started_by",
            models.ForeignKey(
                settings.AUTH_USER_MODEL,
                django.db.models.deletion.SET_NULL,
                blank=True,
                null=True,
                related_name="+",
            ),
        ),
        migrations.AddField("replay", "attempt", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("replay", "host", models.CharField(blank=True, max_length=255)),
        migrations.AddField("replay", "pid", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("replay", "started_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "replay",
            "state",
            models.CharField(choices=STATES, default="waiting", max_length=9),
        ),
        migrations.AddField("trainingrun", "attempt", models.PositiveSmallIntegerField(default=0)),
    ]
