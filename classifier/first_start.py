"""What a site needs before it can serve: its tables, and somebody who may sign in."""

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from . import accounts


def unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare(stdout) -> None:
    """Migrate the database and create a staff account, where they are missing; say so."""
    if unapplied_migrations():
        stdout.write("Migrating the database ...")
        call_command("migrate", verbosity=0)
    created = accounts.create_first()
    if created:
        name, password = created
        stdout.write(
            f"Created the staff account {name!r} with the password {password}\n"
            f"It is shown only now. Change it with: manage.py changepassword {name}"
        )
