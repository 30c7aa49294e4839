"""What CI makes of the words of pip-audit: here somebody else speaks them."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from .server import ROOT


@pytest.fixture
def audited(tmp_path):
    """Runs the audit with a pip-audit that says this, and ends with that."""

    def audit(said: str, complained: str = "", status: int = 0):
        program = tmp_path / "pip-audit"
        said, complained = shlex.quote(said), shlex.quote(complained)
        program.write_text(f"#!/bin/sh\necho {said}\necho {complained} >&2\nexit {status}\n")
        program.chmod(0o755)
        return subprocess.run(
            [sys.executable, ".ci/audit.py"],
            cwd=ROOT,
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    return audit


def packages(*found) -> str:
    return json.dumps({"dependencies": list(found), "fixes": []})


FINE = {"name": "fine", "version": "1", "vulns": []}
HOLE = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}


def test_a_known_vulnerability_fails_and_is_named(audited):
    done = audited(packages(FINE, {"name": "old", "version": "1.0", "vulns": [HOLE]}), status=1)
    assert done.returncode == 1
    assert "old 1.0: PYSEC-1, fixed in 1.1" in done.stdout


def test_what_was_not_looked_up_is_counted(audited):
    done = audited(packages(FINE, {"name": "rare", "skip_reason": "not found"}))
    assert done.returncode == 0
    assert "1 of 2 packages were looked up" in done.stdout


def test_without_a_network_it_says_so_and_passes(audited):
    done = audited("", "requests.exceptions.ConnectionError: Max retries exceeded", 1)
    assert done.returncode == 0
    assert "out of reach" in done.stdout


def test_an_audit_that_does_not_run_fails(audited):
    done = audited("", "pip-audit: error: unrecognized arguments: --local", 2)
    assert done.returncode == 1
    assert "unrecognized" in done.stderr
