import os
import signal
import threading
import time

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

LOOK_EVERY_S = 1.0


class Command(BaseCommand):
    help = "Do the background work, such as training: from the database's queue, or Redis's."

    def add_arguments(self, parser):
        parser.add_argument(
            "--attached", action="store_true", help="stop when the process that started this does"
        )

    def handle(self, *, attached, **options):
        from classifier import jobs

        if attached:
            threading.Thread(target=stop_with, args=[os.getppid()], daemon=True).start()
        jobs.fail_stale()
        if settings.TASKS_REDIS_URL:
            call_command("rqworker", "default", job_class="django_tasks_rq.Job", verbosity=0)
        else:
            call_command("db_worker", interval=1, reload=False, verbosity=0)


def stop_with(parent):
    """Stop as if told to, twice: the second time ends the task, too."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LOOK_EVERY_S)
