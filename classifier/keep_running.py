"""Keep a command running as long as the process that started it lives.

    python -m classifier.keep_running COMMAND...

It starts the command again when that dies, and stops it when the parent is gone. Imports no
Django: a few megabytes beside the server.
"""

import os
import signal
import subprocess
import sys
import time

LOOK_EVERY_S = 0.5
AGAIN_AFTER_S = 2.0  # a command that dies at once is not started a thousand times
STOP_S = 10.0  # patience with a command that is told to stop


def main(command: list[str]) -> None:
    """Run until the parent is gone or we are told to stop."""
    parent = os.getppid()
    told = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: told.append(True))
    while os.getppid() == parent and not told:
        child = subprocess.Popen(command, start_new_session=True)
        while child.poll() is None and os.getppid() == parent and not told:
            time.sleep(LOOK_EVERY_S)
        stop(child)
        if os.getppid() == parent and not told:
            time.sleep(AGAIN_AFTER_S)


def stop(child: subprocess.Popen) -> None:
    """End a process: asked, asked again (a worker then drops its task), killed."""
    for _ in range(2):
        if child.poll() is None:
            child.terminate()
            time.sleep(LOOK_EVERY_S)
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
