"""The pages of docs/ name the settings, the checks and the commands there are."""

import io
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from django.core.management import call_command, get_commands, load_command_class

from .server import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
SOURCE = (ROOT / "mnistsite" / "settings.py").read_text()
README = (ROOT / "README.md").read_text()
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text()
DEPLOYING = (ROOT / "docs" / "deploying.md").read_text()
COMMAND = re.compile(r"^\$ .*python manage\.py (.+)$", re.MULTILINE)
COMMANDS = COMMAND.findall(DEPLOYING)
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
SHOWN = sorted({line for page in PAGES for line in COMMAND.findall(page)})


def test_every_setting_is_on_the_page_and_none_that_is_not():
    read = set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", SOURCE)) | set(
        re.findall(r"\"(\w+)\" in env", SOURCE)
    )
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"\w+", row)}
    by_ourselves = PAGE.split("## Set by the project itself")[1].split("##")[0]
    told |= set(re.findall(r"`([A-Z_]+)`", by_ourselves))
    assert len(read) > 25
    assert told == read


def test_every_check_has_its_row():
    checks = (ROOT / "classifier" / "checks.py").read_text()
    assert set(re.findall(r"id=\"(\S+)\"", checks)) == set(re.findall(r"`(classifier\.\w+)`", PAGE))


def test_every_command_of_ours_is_on_the_page_and_none_that_is_not():
    cells = [row.split(" | ")[0] for row in re.findall(r"^\| .+", COMMANDS_PAGE, re.MULTILINE)]
    told = {name for cell in cells for name in re.findall(r"`([a-z_]+)", cell)}
    assert told == {name for name, app in get_commands().items() if app == "classifier"}


@pytest.mark.parametrize("line", SHOWN)
def test_each_command_that_is_shown_exists_and_takes_its_options(line):
    name, *options = shlex.split(line.replace(" ...", ""))
    load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(
        options
    )


def test_the_commands_of_the_page_do_what_it_says(transactional_db, post, tmp_path):
    pk = post().json()["id"]

    def run(line):
        out = io.StringIO()
        line = line.replace("/backups", str(tmp_path)).replace("71", str(pk))
        call_command(*shlex.split(line), stdout=out)
        return out.getvalue()

    said = {line: run(line) for line in COMMANDS if line.split()[0] in SAFE and line != RESTORE}
    assert "2 files are as they were" in said["restore --dry-run /backups/monday"]
    assert said["erase 71 --no-input"] == "Erased 1 of 1 upload.\n"
    assert said["prune_media"] == "Nothing is left over.\n"


def database_options(address, **environment):
    """The options of the database in a process of its own, which loads the settings."""
    code = (
        "import json; from django.conf import settings\n"
        "print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    )
    given = {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "mnistsite.settings"} | environment
    command = [sys.executable, "-c", code]
    return json.loads(subprocess.check_output(command, cwd=ROOT, env=os.environ | given))


@pytest.mark.parametrize("serving", [{"MNIST_SERVING": "1"}, {"RUN_MAIN": "true"}])
def test_what_serves_waits_for_no_database_longer_than_an_upload_may_take(serving):
    assert database_options("sqlite:///db.sqlite3", **serving)["timeout"] < 5
    options = database_options("postgres://digits@host/name", **serving)
    assert "lock_timeout=3s" in options["options"]
    assert "statement_timeout=30s" in options["options"]


def test_commands_have_no_limit_but_notice_a_server_that_is_gone():
    options = database_options("postgres://digits@host/name")
    assert "options" not in options
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (2, 8000)


def test_the_address_of_the_database_may_set_options_of_its_own():
    options = database_options("postgres://digits@host/name?connect_timeout=9")
    assert (options["connect_timeout"], options["keepalives_idle"]) == (9, 4)


SAFE = {"backup", "restore", "erase", "purge_expired", "prune_media"}
RESTORE = "restore /backups/monday"
