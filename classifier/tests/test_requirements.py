"""The files that get installed pin every package with hashes and name no address or path."""

import re

import pytest

from .server import ROOT

COMPILED = {  # from which file each is compiled, see `make lock`
    "requirements.txt": "training.in",
    "requirements-serving.txt": "serving.in",
    "requirements-scale.txt": "scale.in",
    "requirements-dev.txt": "development.in",
    "benchmarks/requirements.txt": "benchmarks.in",
}
NAME = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?([=<>].*?)?\s*(?:#.*)?$")


def packages(name: str) -> dict[str, list[str]]:
    """Each requirement of a compiled file with its hashes."""
    text = re.sub(r"^\s*#.*\n?", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    entries = text.replace("\\\n", " ").splitlines()
    return {entry.split(" ")[0]: re.findall(r"--hash=(\S+)", entry) for entry in entries if entry}


def direct(name: str) -> dict[str, str]:
    """The requirements of an .in file and of the files that it includes."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if line.startswith("-r "):
            found |= direct(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            package, version = NAME.match(line).groups()
            found[package.lower()] = version or ""
    return found


@pytest.mark.parametrize("name", COMPILED)
def test_every_package_has_one_version_and_a_sha256(name):
    for package, hashes in packages(name).items():
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+", package)
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize("name", COMPILED)
def test_no_index_address_and_no_path_is_written_down(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^-|--(?!hash=)\w|file:| @ ", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "source"), COMPILED.items())
def test_what_an_in_file_names_is_compiled(name, source):
    pinned = dict(each.split("==") for each in packages(name))
    pinned = {re.sub(r"\[.*\]", "", package): version for package, version in pinned.items()}
    for package, version in direct(source).items():
        assert package in pinned, f"{source} has changed: run `make lock`"
        if version.startswith("=="):
            assert pinned[package] == version.removeprefix("==")


def test_all_files_agree_on_the_version_of_a_package():
    versions: dict[str, set[str]] = {}
    for name in COMPILED:
        for each in packages(name):
            package, version = each.split("==")
            versions.setdefault(package.split("[")[0], set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}
