"""What the README and the pages of docs/ show is tried on the running server."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from classifier.client import Client

from .server import ROOT, Server
from .services import chromium, missing

README = (ROOT / "README.md").read_text()
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
PYTHON = re.compile(r"^```python\n(.+?)^```", re.M | re.S)
SNIPPETS = [code for page in PAGES for code in PYTHON.findall(page)]
SHOWN = [  # each command, over several lines if it ends so, and what is said to come of it
    (command.replace("\\\n", " "), answer)
    for page in PAGES
    for command, answer in re.findall(r"^\$ ((?:.+\\\n)*.+)\n((?:(?!\$|```).+\n)*)", page, re.M)
    if re.match(r"curl|python -m", command)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with a worker, an upload and a batch, each with the id 1, and a key in `key`."""
    folder = tmp_path_factory.mktemp("shown")
    with zipfile.ZipFile(folder / "digits.zip", "w") as archive:
        archive.write(ROOT / "fixtures" / "digits" / "7_paint.png", "7.png")
    with Server(folder, workers=1, options=()) as server:
        server.answer((ROOT / "fixtures" / "digits" / "3_paint.png").read_bytes())
        key = ("create_api_key", "test", "--owner", "admin", "--scopes", "classify", "review")
        server.key = server.manage(*key).strip()
        with Client(server.url, key=server.key) as client:
            client.send_batch(folder / "digits.zip")
        yield server


@pytest.fixture(scope="module")
def run(server):
    """Run a command or a program as it is shown; gives what it prints."""
    if not shutil.which("curl"):
        missing("curl")
    environment = os.environ | {"KEY": server.key}

    def run(shown, *, program=()):
        shown = shown.replace("digits.zip", f"{server.folder}/digits.zip")
        shown = re.sub(r"\b8000\b", str(server.port), shown)
        shown = re.sub("^python ", f"{sys.executable} ", shown)
        command = [*program, shown] if program else ["bash", "-c", shown]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_that_is_shown_does_what_is_said(run, command, answer):
    said = run(command)
    if not answer:
        assert '"status": 4' not in said  # of a problem
    elif said.startswith("{"):
        told = json.loads(said)
        assert told["id"]
        assert told.keys() == json.loads(answer).keys()
    else:
        shown = [line.split(",")[0].rstrip("0123456789") for line in answer.splitlines()]
        assert shown
        assert all(line in said for line in shown)


@pytest.mark.parametrize("code", SNIPPETS)
def test_a_python_program_that_is_shown_prints_a_seven(run, code):
    assert "7" in run(code, program=(sys.executable, "-c"))


def test_the_javascript_that_is_shown_prints_a_seven(server, sample):
    code = re.search(r"^```js\n(.+?)^```", README, re.M | re.S)[1]
    with chromium() as browser:
        page, printed = browser.new_page(), []
        page.on("console", lambda message: printed.append(message.text))
        page.goto(f"{server.url}/healthz")
        page.evaluate(
            f"async (bytes) => {{ const file = new Blob([Uint8Array.from(bytes)]); {code} }}",
            list(sample("7_paint.png")),
        )
        assert printed == ["7"]


def test_there_are_commands_and_programs_to_try():
    assert len(SHOWN) >= 9
    assert len(SNIPPETS) == 2
