"""ZIPs of pictures from strangers: nothing is unpacked to disk, nothing beyond the limits."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from django.conf import settings

from .bulk import Upload, too_large
from .inference import InvalidImage

ENTRY = b"PK\x01\x02"  # begins each entry of a ZIP's directory
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound
ENCRYPTED = 1


class InvalidArchive(ValueError):
    """A ZIP that is not taken; `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code, self.detail = code, detail


def is_zip(content: bytes) -> bool:
    """Whether a file begins as a ZIP does; no picture does."""
    return content.startswith(b"PK")


def check(content: bytes) -> int:
    """Look at a ZIP's directory; returns how many pictures it may hold. Raises InvalidArchive."""
    most = settings.MNIST_MAX_ZIP_ENTRIES
    if content.count(ENTRY) > most:  # before a million entries become objects
        raise InvalidArchive("too_many", f"Expected at most {most} entries in a ZIP.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = entries(archive)
    except Exception as error:  # zipfile raises what it pleases on a damaged file
        raise InvalidArchive("not_a_zip", "Expected a whole ZIP.") from error
    unpacked, most = sum(each.file_size for each in found), settings.MNIST_MAX_ZIP_UNPACKED_BYTES
    if unpacked > most:
        raise InvalidArchive(
            "too_large", f"Expected at most {most} bytes unpacked, not {unpacked}."
        )
    if not found:
        raise InvalidArchive("no_image", "Expected files in the ZIP.")
    return len(found)


def entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of a ZIP in its order, but for hidden ones such as .DS_Store or __MACOSX/."""
    return [each for each in archive.infolist() if not each.is_dir() and not is_hidden(each)]


def is_hidden(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts[-1:])


def read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Upload:
    """An entry as an upload. Its name is text, never a path; a ZIP in a ZIP is not a picture."""
    return Upload(_content(archive, entry), PurePosixPath(entry.filename).name)


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | InvalidImage:
    most = settings.MNIST_MAX_UPLOAD_BYTES
    if entry.flag_bits & ENCRYPTED:
        return InvalidImage("encrypted", "Expected an entry without a password.")
    if entry.compress_type not in READABLE:
        return InvalidImage("not_readable", "Expected an entry that is stored or deflated.")
    if entry.file_size > most:
        return too_large(entry.file_size)
    try:
        with archive.open(entry) as file:
            return file.read(most)
    except Exception:  # damaged, or not what the directory says
        return InvalidImage("damaged", "This entry of the ZIP is damaged.")


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Names and contents as a ZIP, in their order; pictures are compressed already."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for place, (name, content) in enumerate(files):
            archive.writestr(zipfile.ZipInfo(f"{place}/{name}"), content)  # names may be the same
    return packed.getvalue()
