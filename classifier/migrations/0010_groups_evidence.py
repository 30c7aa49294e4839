"""All groups see what the site did: promotions, and replays with their answers.

No group holds `overrule`: to promote what the gate holds back is for superusers, and for whom
they give that permission by name.
"""

from django.db import migrations

GROUPS = ["Viewers", "Reviewers", "Trainers", "Promoters"]
SEEN = ["promotion", "replay", "replayanswer"]


def let_groups_see(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for model in SEEN:
        kind, _ = ContentType.objects.get_or_create(app_label="classifier", model=model)
        permission, _ = Permission.objects.get_or_create(
            content_type=kind, codename=f"view_{model}", defaults={"name": f"Can view {model}"}
        )
        for group in Group.objects.filter(name__in=GROUPS):
            group.permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [("classifier", "0009_batches")]

    operations = [migrations.RunPython(let_groups_see, migrations.RunPython.noop)]
