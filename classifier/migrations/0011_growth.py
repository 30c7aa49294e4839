import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

OLD = "classifier_prediction_version_id_78313e4d"  # as Django names the index of a foreign key
UNCERTAIN = ~Q(reason="")


class Migration(migrations.Migration):
    dependencies = [("classifier", "0010_groups_evidence")]

    operations = [
        migrations.SeparateDatabaseAndState(
            # Not by AlterField, with which SQLite writes ten million rows anew.
            [
                migrations.RunSQL(
                    f'DROP INDEX IF EXISTS "{OLD}"',
                    f'CREATE INDEX "{OLD}" ON "classifier_prediction" ("version_id")',
                )
            ],
            [
                migrations.AlterField(
                    model_name="prediction",
                    name="version",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="predictions",
                        to="classifier.modelversion",
                    ),
                )
            ],
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(fields=["version", "id", "reason"], name="answered_by"),
        ),
        migrations.RemoveIndex(model_name="prediction", name="waiting_for_review"),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(
                fields=["reason", "confidence"],
                condition=Q(label__isnull=True, erased_at__isnull=True)
                & (Q(reason__gt="") | Q(confidence__lt=0.95)),
                name="waiting_for_review",
            ),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(fields=["id", "reason", "version"], condition=UNCERTAIN, name="uncertain"),
        ),
    ]
