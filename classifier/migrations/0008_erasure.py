from django.db import migrations, models
from django.db.models import Q

WAITING = Q(label__isnull=True, erased_at__isnull=True)


class Migration(migrations.Migration):

    dependencies = [("classifier", "0007_access")]

    operations = [
        migrations.AlterModelOptions(
            name="prediction",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("review", "Can say what pictures show"),
                    ("erase", "Can erase uploads for good"),
                ],
            },
        ),
        migrations.RemoveIndex(model_name="prediction", name="waiting_for_review"),
        migrations.AddField(
            model_name="prediction",
            name="erased_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(
                condition=WAITING, fields=["reason", "confidence"], name="waiting_for_review"
            ),
        ),
        migrations.AddConstraint(
            model_name="prediction",
            constraint=models.CheckConstraint(
                condition=(Q(erased_at__isnull=True) & ~Q(upload=""))
                | Q(erased_at__isnull=False, upload="", original_name="", request_id=""),
                name="erased_rows_name_nothing",
            ),
        ),
    ]
