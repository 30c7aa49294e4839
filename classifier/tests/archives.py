"""ZIPs for the tests, good and hostile ones."""

import io
import struct
import zipfile


def packed(files: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> bytes:
    """Contents by their names, as a ZIP."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return found.getvalue()


def claiming(content: bytes, size: int) -> bytes:
    """A ZIP of one entry whose directory tells another unpacked size than it has."""
    place = content.rindex(b"PK\x01\x02") + 24
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


def locked(content: bytes) -> bytes:
    """A ZIP of one entry whose directory says that it has a password."""
    place = content.rindex(b"PK\x01\x02") + 8
    return content[:place] + b"\x01" + content[place + 1 :]
