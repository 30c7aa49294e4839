"""The version is stated once and shown; CI and the hooks run what exists."""

import re
import shutil
import tomllib

import pytest
import yaml
from django.conf import settings

from .server import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def test_healthz_shows_the_version(client):
    assert client.get("/healthz").json()["version"] == VERSION == settings.MNIST_VERSION


@pytest.mark.django_db
def test_the_footer_of_every_admin_page_shows_the_version(admin_client):
    for address in ("/admin/", "/admin/classifier/prediction/"):
        footer = admin_client.get(address).content.decode().split('<footer id="footer">')[1]
        assert f"Digit classifier {VERSION}" in footer.split("</footer>")[0]


def test_a_released_version_has_its_section_in_the_changelog():
    sections = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert "dev" in VERSION or VERSION in sections


def test_ci_builds_every_image_and_runs_the_checks():
    images = re.findall(r"^FROM .* AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert WORKFLOW["jobs"]["images"]["strategy"]["matrix"]["target"] == images[1:]  # of packages
    commands = [step.get("run") for step in WORKFLOW["jobs"]["checks"]["steps"]]
    assert ".ci/run" in commands


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_each_hook_starts_a_program_of_the_environment(hook):
    program = hook["entry"].split()[0]
    assert program.startswith(".venv/bin/")
    assert shutil.which(str(ROOT / program)) or shutil.which(program.rsplit("/", 1)[1])
