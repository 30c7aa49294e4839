"""ZIPs from strangers."""

import io
import zipfile

import pytest

from classifier import archive
from classifier.bulk import Upload
from classifier.inference import InvalidImage

from .archives import claiming, locked, packed


def opened(content: bytes) -> list[Upload]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        return [archive.read(found, entry) for entry in archive.entries(found)]


def refusal(content: bytes) -> str:
    with pytest.raises(archive.InvalidArchive) as caught:
        archive.check(content)
    return caught.value.code


def test_a_zip_is_read_in_its_order_without_its_folders_and_hidden_files():
    content = packed(
        {"b.png": b"1", "a/": b"", "a/c.png": b"2", "__MACOSX/a/._c.png": b"", ".DS_Store": b""}
    )
    assert archive.check(content) == 2
    assert opened(content) == [Upload(b"1", "b.png"), Upload(b"2", "c.png")]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../passwd"])
def test_a_name_that_leads_elsewhere_is_only_a_name(name):
    assert opened(packed({name: b"x"})) == [Upload(b"x", "passwd")]


def test_a_zip_in_a_zip_is_not_opened():
    inner = packed({"7.png": b"7"})
    assert opened(packed({"inner.zip": inner})) == [Upload(inner, "inner.zip")]


def test_too_many_entries_are_refused(settings):
    settings.MNIST_MAX_ZIP_ENTRIES = 3
    assert archive.check(packed(dict.fromkeys("abc", b""))) == 3
    assert refusal(packed(dict.fromkeys("abcd", b""))) == "too_many"


def test_a_bomb_is_refused_by_what_its_directory_says(settings):
    settings.MNIST_MAX_ZIP_UNPACKED_BYTES = 10_000_000
    assert refusal(packed({"a": bytes(6_000_000), "b": bytes(6_000_000)})) == "too_large"


def test_a_bomb_that_lies_is_not_unpacked_beyond_what_it_says():
    (upload,) = opened(claiming(packed({"a": bytes(6_000_000)}), 100))
    assert upload.content.code == "damaged"


@pytest.mark.parametrize("content", [b"", b"PK", b"junk" * 100, packed({"a": b"x" * 99})[:-30]])
def test_what_is_no_whole_zip_is_refused(content):
    assert refusal(content) == "not_a_zip"


def test_an_empty_zip_is_refused():
    assert refusal(packed({})) == "no_image"


UNREADABLE = {
    "too large": (lambda: packed({"a": bytes(17_000_000)}), "too_large"),
    "a password": (lambda: locked(packed({"a": b"x"})), "encrypted"),
    "LZMA": (lambda: packed({"a": b"x"}, zipfile.ZIP_LZMA), "not_readable"),
    "BZIP2": (lambda: packed({"a": b"x"}, zipfile.ZIP_BZIP2), "not_readable"),
}


@pytest.mark.parametrize(("make", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_entry_that_cannot_be_read_says_why(make, code):
    (upload,) = opened(make())
    assert isinstance(upload.content, InvalidImage)
    assert upload.content.code == code


def test_files_are_packed_in_their_order_whatever_their_names():
    content = archive.pack([("same", b"1"), ("same", b"2")])
    assert opened(content) == [Upload(b"1", "same"), Upload(b"2", "same")]
