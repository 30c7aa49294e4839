import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from classifier import accounts


class Command(BaseCommand):
    help = "Serve the site with uvicorn, with the settings that were fastest when measured."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--workers", type=int, default=os.cpu_count(), help="processes; one for each core"
        )
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="leave out the worker for training; start it elsewhere with: manage.py work",
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
            self.prepare()
        elif unapplied():
            raise CommandError("The database is not up to date. Run: manage.py migrate")
        self.introduce(host, port, workers)
        self.stdout.flush()
        os.chdir(settings.BASE_DIR)
        if not no_worker:
            start_worker()
        os.execv(sys.executable, [sys.executable, *server(address, port, workers)])

    def prepare(self):
        if unapplied():
            self.stdout.write("Migrating the database ...")
            call_command("migrate", verbosity=0)
        created = accounts.create_first()
        if created:
            name, password = created
            self.stdout.write(
                f"Created the staff account {name!r} with the password {password}\n"
                f"It is shown only now. Change it with: manage.py changepassword {name}"
            )

    def introduce(self, host, port, workers):
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        sample = next(iter(sorted(Path(settings.BASE_DIR, "fixtures", "digits").glob("7_*"))), None)
        name = sample.relative_to(settings.BASE_DIR) if sample else "digit.png"
        self.stdout.write(
            f"Serving on {url} with {workers} worker{'s' * (workers > 1)}. Stop with Ctrl-C.\n"
            f"  Draw:    {url}/\n"
            f"  Try it:  curl -F image=@{name} {url}/mnist/classify\n"
            f"  Admin:   {url}/admin/"
        )
        if not is_loopback(host) and "*" not in settings.ALLOWED_HOSTS:
            self.stdout.write(
                "  Reached under another name or address than "
                f"{', '.join(settings.ALLOWED_HOSTS)}, it answers 400.\n"
                "  Let others in with DJANGO_ALLOWED_HOSTS=name,192.0.2.7 (or * for any)."
            )


def start_worker():
    """Start `manage.py work` under a keeper, both for as long as this process lives.

    This process becomes the server; what it starts now stays its child.
    """
    work = [sys.executable, "manage.py", "work", "--attached"]
    keeper = [sys.executable, "-m", "classifier.keep_running", *work]
    subprocess.Popen(keeper, stdin=subprocess.DEVNULL, start_new_session=True)


def server(host, port, workers):
    """The arguments of the server, as Python runs it."""
    given = ("--host", host, "--port", str(port), "--workers", str(workers))
    return ["-m", "mnistsite.server", *given]


def resolve(host, port):
    """The numeric address of a host; refuses at once, in one sentence, what cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host} port {port}: {error}.") from error
    return address[0]


def is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def unapplied():
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
