from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0011_growth")]

    operations = [
        migrations.AddField("replay", "task_id", models.CharField(blank=True, max_length=64))
    ]
