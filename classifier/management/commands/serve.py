import json
import os
import resource
import socket
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from classifier import first_start, metrics

# Granian closes a connection whose request has not begun, or whose headers have not arrived, after
# this time. Proxies keep idle connections for 60 seconds and must not find them closed.
HEADER_TIMEOUT_MS = 60_000
SERVER = [
    *("-m", "granian", "mnistsite.asgi:application", "--interface", "asginl"),
    *("--runtime-mode", "st", "--http", "1", "--no-ws", "--log-level", "warning"),
    *("--backlog", "1024", "--backpressure", "2048"),  # connections of a worker, idle ones too
    *("--http1-header-read-timeout", str(HEADER_TIMEOUT_MS), "--http1-buffer-size", str(64 * 1024)),
    *("--respawn-failed-workers", "--respawn-interval", "0.1", "--workers-kill-timeout", "10"),
]
WORKERS = [["manage.py", "work", "--attached", "--queue", name] for name in settings.TASK_QUEUES]


class Command(BaseCommand):
    help = "Serve the site with Granian, and start workers for background jobs beside it."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--workers", type=int, default=os.cpu_count(), help="processes; one for each core"
        )
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="leave out the workers for background jobs; start them elsewhere: manage.py work",
        )
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="first migrate the database and, on the first start, create a staff account",
        )

    def handle(self, *, host, port, workers, prepare, no_worker, **options):
        if workers < 1:
            raise CommandError(f"Expected at least one worker, received {workers}.")
        if not 0 < port < 65536:
            raise CommandError(f"Expected a port from 1 to 65535, received {port}.")
        address = resolve(host, port)
        if prepare:
            first_start.prepare(self.stdout)
        elif first_start.unapplied_migrations():
            raise CommandError("The database is not up to date. Run: manage.py migrate")
        self.introduce(host, port, workers)
        self.stdout.flush()
        os.chdir(settings.BASE_DIR)
        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)  # each connection is one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
        os.environ["MNIST_ATTACHED"] = "1"
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", metrics.empty_folder(f"{address}-{port}"))
        server = [*SERVER, "--host", address, "--port", str(port), "--workers", str(workers)]
        if settings.MNIST_LOG_FORMAT == "json":
            server += ["--log-config", "mnistsite/granian_json_log.json"]
        commands = json.dumps([server] if no_worker else [server, *WORKERS])
        os.execv(sys.executable, [sys.executable, "-m", "classifier.keep_running", commands])

    def introduce(self, host, port, workers):
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        self.stdout.write(
            f"Serving on {url} with {workers} worker{'s' * (workers > 1)}. Stop with Ctrl-C.\n"
            f"  Draw:    {url}/\n"
            f"  Try it:  curl -F image=@fixtures/digits/7_ballpoint.jpg {url}/mnist/classify\n"
            f"  Admin:   {url}/admin/"
        )
        if host not in ("127.0.0.1", "::1", "localhost") and "*" not in settings.ALLOWED_HOSTS:
            self.stdout.write(
                f"  It answers 400 under other names than {', '.join(settings.ALLOWED_HOSTS)}.\n"
                "  Add names with DJANGO_ALLOWED_HOSTS=name,192.0.2.7 (or * for any)."
            )


def resolve(host, port):
    """Return the numeric address of a host. Raise CommandError if it cannot be listened on."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host} port {port}: {error}.") from error
    return address[0]
