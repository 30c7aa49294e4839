import os
import signal
import subprocess
import sys

from .server import ROOT

CHILD = """
import os, signal, sys
from classifier.parent_process import end_with_parent
end_with_parent(int(sys.argv[1]), signal.SIGKILL)
print("ready", flush=True)
signal.pause()
"""
PARENT = f"""
import os, signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {CHILD!r}, str(os.getpid())])
signal.pause()
"""


def start(code: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_process_ends_when_its_parent_is_killed():
    parent = start(PARENT)
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    assert parent.communicate(timeout=30) == ("", None)  # nobody has the pipe's other end


def test_a_process_ends_whose_parent_is_gone_already():
    orphan = start(CHILD, "1" if os.getpid() != 1 else "2")
    assert orphan.communicate(timeout=30) == ("", None)
    assert orphan.returncode == -signal.SIGKILL
