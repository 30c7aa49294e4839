"""The multipart bodies that clients send, read in one go; Django's parser is for the odd ones.

Django reads a body as a stream, through generators and the parser of e-mail headers, which
takes as long as the network. A body that is in memory, and as plain as browsers, curl and
HTTP libraries write it, is cut at its boundaries instead.
"""

import re
from typing import NamedTuple

from classifier.bulk import Upload

BOUNDARY = re.compile(r'multipart/form-data; ?boundary=([\w\'+./:=?-]{1,70}|"[^"\s]{1,70}")', re.A)
PART = re.compile(
    rb'Content-Disposition: form-data; name="(\w{1,40})"'
    rb'(?:; filename="([\w()+,=@-][\w ()+,.=@-]{0,199})")?'
    rb"(?:\r\nContent-Type: [\w.+/-]+)?",
    re.A | re.I,
)
MAX_PARTS = 10
MAX_FIELD_BYTES = 100


class Form(NamedTuple):
    """A parsed body: the files of each field, and the fields that hold text."""

    files: dict[str, list[Upload]]
    fields: dict[str, str]


def is_plain(content_type: str) -> bool:
    """Whether a request has the content type that clients give a form with files."""
    return bool(BOUNDARY.fullmatch(content_type))


def read_plain(content_type: str, body: bytes) -> Form | None:
    """Parse a body that is plain; None for one that has to be looked at more closely."""
    found = BOUNDARY.fullmatch(content_type)
    if not found:
        return None
    delimiter = b"\r\n--" + found[1].strip('"').encode()
    end = body.rfind(delimiter + b"--", -len(delimiter) - 4)
    if end < 0 or not body.startswith(delimiter[2:] + b"\r\n"):
        return None
    if body[end + len(delimiter) + 2 :] not in (b"", b"\r\n"):
        return None
    form = Form({}, {})
    for part in body[len(delimiter) : end].split(delimiter + b"\r\n", MAX_PARTS):
        if delimiter[2:] in part or not _add(form, part):
            return None
    return form


def _add(form: Form, part: bytes) -> bool:
    """Add a file or a field; False when it is not plain."""
    head, blank, content = part.partition(b"\r\n\r\n")
    found = PART.fullmatch(head)
    if not (found and blank):
        return False
    name = found[1].decode()
    if found[2] is not None:
        form.files.setdefault(name, []).append(Upload(content, found[2].decode().strip()))
        return True
    if name in form.fields or len(content) > MAX_FIELD_BYTES or not content.isascii():
        return False
    form.fields[name] = content.decode()
    return True
