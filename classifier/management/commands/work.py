import logging
import os
import signal
import threading

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from classifier.parent_process import end_with_parent

STALE_CHECK_SECONDS = 10.0
SECOND_SIGNAL_SECONDS = 2.0  # RQ ignores a second signal within one second

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Do the background work, such as training: from the database's queue, or Redis's."

    def add_arguments(self, parser):
        parser.add_argument(
            "--queue",
            nargs="+",
            choices=settings.TASK_QUEUES,
            default=settings.TASK_QUEUES,
            help="work on these queues only: 'default' has batches and replays; default: all",
        )
        parser.add_argument(
            "--attached", action="store_true", help="stop when the process that started this does"
        )

    def handle(self, *, queue, attached, **options):
        from classifier import jobs

        if attached:
            signal.signal(signal.SIGHUP, stop)
            end_with_parent(os.getppid(), signal.SIGHUP)
        jobs.fail_stale()
        threading.Thread(target=fail_stale_jobs, args=[threading.Event()], daemon=True).start()
        if settings.TASKS_REDIS_URL:
            call_command("rqworker", *queue, job_class="django_tasks_rq.Job", verbosity=0)
        else:
            names = ",".join(queue)
            call_command("db_worker", queue_name=names, interval=1, reload=False, verbosity=0)


def stop(*_):
    """Stop as if told to, twice: the second time ends the task, too."""
    for delay in (0, SECOND_SIGNAL_SECONDS):
        timer = threading.Timer(delay, os.kill, [os.getpid(), signal.SIGTERM])
        timer.daemon = True  # an idle worker ends at the first
        timer.start()


def fail_stale_jobs(over: threading.Event) -> None:
    """Look every few seconds for jobs whose worker is gone, until `over` is set."""
    from classifier import jobs

    while not over.wait(STALE_CHECK_SECONDS):
        try:
            jobs.fail_stale()
        except Exception:  # the database or Redis is away: the next look finds them
            logger.warning("Stale jobs could not be looked for.", exc_info=True)
        finally:
            connections.close_all()  # RQ forks: no child may inherit one
