"""Groups of staff. Permissions are made here too: Django makes them only after all migrations."""

from django.db import migrations

VIEW = [("prediction", "view_prediction"), ("correction", "view_correction"), ("modelversion", "view_modelversion")]
REVIEW = [("prediction", "review")]
TRAIN = [("trainingrun", "view_trainingrun"), ("trainingrun", "train")]
PROMOTE = [("modelversion", "promote")]
GROUPS = {
    "Viewers": VIEW,
    "Reviewers": VIEW + REVIEW,
    "Trainers": VIEW + REVIEW + TRAIN,
    "Promoters": VIEW + REVIEW + TRAIN + PROMOTE,
}
NAMES = {
    "review": "Can say what pictures show",
    "train": "Can train versions",
    "promote": "Can choose the version that answers",
}


def create_groups(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for name, rights in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        for model, codename in rights:
            kind, _ = ContentType.objects.get_or_create(app_label="classifier", model=model)
            permission, _ = Permission.objects.get_or_create(
                content_type=kind,
                codename=codename,
                defaults={"name": NAMES.get(codename, f"Can view {model}")},
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ("classifier", "0002_corrections"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, migrations.RunPython.noop)]
