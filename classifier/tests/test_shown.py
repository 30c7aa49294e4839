"""What the README and docs/api.md show is tried on the running server."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from .server import ROOT, Server
from .services import missing

PAGES = [(ROOT / name).read_text() for name in ("README.md", "docs/api.md")]
SHOWN = [  # each command, over several lines if it ends so, and what is said to come of it
    (command.replace("\\\n", " "), answer)
    for page in PAGES
    for command, answer in re.findall(r"^\$ ((?:.+\\\n)*.+)\n((?:(?!\$|```).+\n)*)", page, re.M)
    if re.match(r"curl|python -m", command)
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a command as it is shown; gives what it prints."""
    if not shutil.which("curl"):
        missing("curl")
    folder = tmp_path_factory.mktemp("shown")
    with zipfile.ZipFile(folder / "digits.zip", "w") as archive:
        archive.write(ROOT / "fixtures" / "digits" / "7_paint.png", "7.png")
    with Server(folder, workers=1) as server:
        server.answer((ROOT / "fixtures" / "digits" / "3_paint.png").read_bytes())  # upload 1
        key = ("create_api_key", "test", "--owner", "admin", "--scopes", "classify", "review")
        environment = os.environ | {"KEY": server.manage(*key).strip()}

        def run(command):
            command = command.replace("digits.zip", f"{folder}/digits.zip")
            command = re.sub(r"\b8000\b", str(server.port), command)
            command = re.sub("^python ", f"{sys.executable} ", command)
            done = subprocess.run(
                command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        yield run


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_that_is_shown_does_what_is_said(run, command, answer):
    said = run(command)
    if said.startswith("{"):
        told = json.loads(said)
        assert told["id"]
        assert not answer or told.keys() == json.loads(answer).keys()
    else:
        shown = [line.split(",")[0].rstrip("0123456789") for line in answer.splitlines()]
        assert shown
        assert all(line in said for line in shown)


def test_there_are_commands_to_try():
    assert len(SHOWN) >= 5
