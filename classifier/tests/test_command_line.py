import os
import sqlite3
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError
from redis.exceptions import ConnectionError as RedisError

from classifier import checks
from mnistsite.command_line import explain

from .server import ROOT


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("no such table: classifier_prediction"), "manage.py migrate"),
        (ProgrammingError('relation "x" does not exist\nLINE 1: ...'), "manage.py migrate"),
        (sqlite3.OperationalError("no such table: x"), "manage.py migrate"),
        (OperationalError("connection refused\nIs the server running?"), "DATABASE_URL"),
        (RedisError("Error 111 connecting to 127.0.0.1:1."), "TASKS_REDIS_URL"),
        (PermissionError(13, "Permission denied", "/media/a"), "/media/a cannot be used: Perm"),
        (ImproperlyConfigured("Expected A to be 1."), "Expected A to be 1."),
    ],
)
def test_what_is_missing_is_told_in_one_line(error, said):
    assert said in explain(error)
    assert "\n" not in explain(error)


def test_a_mistake_of_ours_keeps_its_trace():
    assert explain(KeyError("x")) == ""


@pytest.mark.parametrize(("option", "traces"), [((), 0), (("--traceback",), 1)])
def test_a_command_on_a_database_without_tables_says_what_to_do(tmp_path, option, traces):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "DJANGO_SECRET_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "manage.py", "list_models", *option],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == traces
    assert bool(traces) or "Run: manage.py migrate" in done.stderr


def test_a_media_folder_that_cannot_be_written_to_is_told(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path / "to" / "be" / "made"
    assert checks.check_media(None) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = checks.check_media(None)
    assert found.id == "classifier.W003"
    assert str(tmp_path) in found.msg
