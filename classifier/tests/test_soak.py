"""The soak, for some seconds: everything at once on the real server, and its audit."""

import subprocess
import sys

import pytest

from .server import ROOT

pytestmark = pytest.mark.slow


def test_a_short_soak_loses_nothing_and_leaves_nothing_over(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "benchmarks/soak.py", "--no-training"),
            *("--minutes", "0.3", "--rate", "30", "--folder", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is lost, and nothing is left over." in done.stdout
    for said in ("bad upload", "client gone", "It was promoted", "deleted", "A backup", "erasures"):
        assert said in done.stdout
