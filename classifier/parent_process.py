"""End a process with the process that started it, however that ends."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of Linux's prctl
# Loaded before any fork: loading takes locks, which another thread may hold at that moment.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Ask Linux to send this process a signal when its parent, the process `parent`, ends.

    A parent that is killed could not tell it. Called in the child, before or after it starts
    another program; its own children must ask for themselves. The parent is the thread that
    started the child: that should be a main thread. Other systems than Linux do nothing.
    """
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before we asked
            os.kill(os.getpid(), number)
