"""Keep commands running until this process is told to stop.

    python -m classifier.keep_running '[["manage.py", "work"], ...]'

Each command is the arguments of a Python process. One that dies is started again. Imports no
Django: a few megabytes beside the server.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from functools import partial

from classifier.parent_process import end_with_parent

CHECK_INTERVAL_SECONDS = 0.5
RESTART_DELAY_SECONDS = 2.0  # a command that dies at once is not started a thousand times
SHUTDOWN_TIMEOUT_SECONDS = 15.0

logger = logging.getLogger(__name__)


def main(commands: list[list[str]]) -> None:
    """Start the commands, restart those that die, and stop them all on a signal."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    running = [start(command) for command in commands]
    while not stopping.wait(CHECK_INTERVAL_SECONDS):
        for index, process in enumerate(running):
            if process.poll() is not None:
                logger.error("%s ended with %s. It starts again.", process.args, process.returncode)
                if not stopping.wait(RESTART_DELAY_SECONDS):
                    running[index] = start(commands[index])
    for process in running:
        process.terminate()
    for process in running:
        stop(process)


def start(command: list[str]) -> subprocess.Popen:
    """Start a command in a session of its own: Ctrl-C in a terminal is for this process alone."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(end_with_parent, os.getpid()),
    )


def stop(process: subprocess.Popen) -> None:
    """Wait for a process that was told to stop; tell it again, as a worker that is in the middle
    of a task then drops it, and kill it at last.
    """
    for patience in (1.0, SHUTDOWN_TIMEOUT_SECONDS):
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            process.terminate()
    process.kill()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    main(json.loads(sys.argv[1]))
