"""Backups: the database at one moment, and every file that its rows name.

A backup is a folder: the database, `media/`, the digests of all files as sha256sum writes
them, and facts in `backup.json`. It has its name only when it is whole.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from . import backup_folder, durability, erasure, snapshot
from .backup_folder import NotPossible
from .models import Prediction
from .storage import is_local, list_folder

SUMS, FACTS, MEDIA = "SHA256SUMS", "backup.json", "media"
# The first goes by the rows; the others are half-done work.
LEFT_OUT = ("uploads", "training", backup_folder.NOTES)
CHUNK = 10_000  # paths asked for in one query


class Damaged(RuntimeError):
    """A backup is not what it was when it was made."""


# Making one


def make(folder: Path) -> Iterator[str]:
    """Copy everything into a new folder; gives each file's path as it is copied.

    Raises NotPossible, snapshot.CannotCopy and OSError, and then leaves nothing.
    """
    with backup_folder.making(folder) as partial:
        yield from _fill(partial)


def _fill(folder: Path) -> Iterator[str]:
    facts = {"made_at": timezone.now().isoformat(), "files": 0}
    absent, damaged = [], []
    listing = folder / "uploads.txt"  # in memory, ten million paths would be a gigabyte
    with listing.open("w+") as uploads, (folder / SUMS).open("w") as sums:
        uploads.writelines(f"{digest.hex()} {path}\n" for path, digest in snapshot.take(folder))
        uploads.seek(0)
        for name in (snapshot.SQLITE, snapshot.POSTGRES):
            if (folder / name).exists():
                sums.write(f"{digest_of(folder / name)}  {name}\n")
        wanted = (line.rstrip("\n").split(" ", 1) for line in uploads)
        for digest, path in chain(wanted, _others()):
            copied = _copy_out(path, folder / MEDIA / path)
            if not copied:
                absent.append(path)
                continue
            sums.write(f"{copied}  {MEDIA}/{path}\n")
            facts["files"] += 1
            if digest and digest != copied:
                damaged.append(path)
            yield path
    listing.unlink()
    lost = [path for chunk in _chunks(absent) for path in _still_named(chunk)]
    facts |= {"erased": sorted(set(absent) - set(lost)), "lost": lost, "damaged": damaged}
    (folder / FACTS).write_text(json.dumps(facts, indent=1))


def _others(path: str = "") -> Iterator[tuple[str, str]]:
    """Whatever else is in storage, such as trained versions."""
    folders, files = list_folder(path)
    for name in files:
        if not name.startswith("."):
            yield "", f"{path}{name}"
    for name in folders:
        if path or name not in LEFT_OUT:
            yield from _others(f"{path}{name}/")


def _copy_out(path: str, target: Path) -> str:
    """Copy a file from storage, or link it where that can be; its digest, empty if it is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if is_local():
            _link_or_copy(Path(default_storage.path(path)), target)
        else:
            with default_storage.open(path) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
    except FileNotFoundError:
        return ""
    return digest_of(target)


def _link_or_copy(source: Path, target: Path) -> None:
    """Files of the storage are never written to again: another name for one is a copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def digest_of(path: Path) -> str:
    """A file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chunks(paths: list[str]) -> Iterator[list[str]]:
    return (paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK))


def _still_named(paths: list[str]) -> list[str]:
    """Those that a row names now; the others were erased or purged since the moment."""
    return list(Prediction.objects.filter(upload__in=paths).values_list("upload", flat=True))


# Putting it back


def facts_of(folder: Path) -> dict:
    """What a backup says of itself. Raises NotPossible."""
    try:
        return json.loads((folder / FACTS).read_text())
    except (OSError, ValueError) as error:
        raise NotPossible(f"{folder} is no backup: its {FACTS} cannot be read.") from error


def restore(folder: Path) -> Iterator[str]:
    """Fill an empty database and an empty storage; gives each file's path as it is done.

    All digests are checked before anything is written. What was erased while the backup was
    made is erased here, too. Raises NotPossible, Damaged, snapshot.CannotCopy and OSError.
    """
    facts = facts_of(folder)
    if not snapshot.is_empty():
        raise NotPossible("The database is not empty. Name a new one in DATABASE_URL.")
    if any(list_folder(name) != ([], []) for name in ("uploads", "models")):
        raise NotPossible("There are uploads or versions already. Name a new MEDIA_ROOT.")
    verify(folder)
    for _, path in _sums(folder):
        name = path.removeprefix(f"{MEDIA}/")
        if name != path:
            _copy_in(folder / path, name)
            yield name
    snapshot.put_back(folder)
    call_command("migrate", verbosity=0)
    for chunk in _chunks(facts["erased"]):
        erasure.erase(Prediction.objects.filter(upload__in=chunk))
    durability.sync_everything()


def verify(folder: Path) -> int:
    """How many files a backup has, all of which are what they were. Raises Damaged."""
    count = 0
    for digest, path in _sums(folder):
        found = ""
        with suppress(FileNotFoundError):
            found = digest_of(folder / path)
        if found != digest:
            raise Damaged(f"{folder / path} is {'damaged' if found else 'missing'}.")
        count += 1
    return count


def _sums(folder: Path) -> Iterator[list[str]]:
    """The digest and the path of each of a backup's files."""
    with (folder / SUMS).open() as sums:
        yield from (line.rstrip("\n").split("  ", 1) for line in sums)


def _copy_in(source: Path, name: str) -> None:
    if not is_local():
        with source.open("rb") as file:
            default_storage.save(name, File(file))
        return
    target = Path(default_storage.path(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    _link_or_copy(source, target)
