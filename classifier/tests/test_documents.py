"""The documentation: each page of the site, and each link, on the site and on a code host."""

import posixpath
import re
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from classifier.web import documents

from .server import ROOT

FILES = ["README.md", *documents.BESIDE_MANAGE_PY.values()]
FILES += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
ADDRESSES = [address for name in FILES if (address := documents.page_of(name))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Page(HTMLParser):
    """What a page has: its title, ids, links and pictures."""

    def __init__(self, address: str):
        super().__init__()
        self.title, self.ids, self.links, self.pictures = "", set(), [], []
        self.response = Client().get(address)
        if self.response.status_code == 200 and not self.response.streaming:
            self.feed(self.response.content.decode())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found["id"]} if "id" in found else set()
        self.links += [found["href"]] if tag == "a" else []
        self.pictures += [found["src"]] if tag == "img" and "src" in found else []

    def handle_data(self, text):
        if self.lasttag == "title":
            self.title += text


@lru_cache
def fetch(address: str) -> Page:
    return Page(address)


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_page_has_a_title_the_navigation_and_no_dead_link(db, address):
    page = fetch(address)
    assert page.response.status_code == 200
    assert re.match(r"\w.* · Digit classifier", page.title)
    assert set(ADDRESSES) <= {*page.links}
    assert 'aria-current="page"' in page.response.content.decode() or address == "/docs/"
    for link in page.links:
        target, _, anchor = urljoin(address, link).partition("#")
        if "://" not in link:
            found = fetch(target)
            assert found.response.status_code == 200, link
            assert not anchor or anchor in found.ids, link


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_picture_is_served_and_nothing_is_inline(db, address):
    page = fetch(address)
    for picture in page.pictures:
        assert picture.startswith("/static/docs/")
        assert finders.find(picture.removeprefix("/static/"))
    text = page.response.content.decode()
    assert "<script" not in text
    assert " style=" not in text
    assert "unsafe" not in page.response["Content-Security-Policy"]


@pytest.mark.parametrize("name", FILES)
def test_each_relative_link_names_a_file_and_a_heading_of_the_project(name):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", (ROOT / name).read_text(), flags=re.M | re.S)
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        assert (ROOT / target).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)", (ROOT / target).read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]
            assert anchor in anchors, link


def test_links_to_source_code_are_dropped_and_their_text_stays(client, db):
    text = client.get("/docs/reading").content.decode()
    assert "<code>ml/preprocess.py</code>" in text
    assert '.py"' not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/docs", "/docs/"),
        ("/about/model-card", "/docs/model-card"),
        ("/about/reading", "/docs/reading"),
        ("/about/report", "/docs/report"),
    ],
)
def test_an_old_address_leads_to_the_new_one(client, db, old, new):
    response = client.get(old)
    assert (response.status_code, response["Location"]) == (301, new)
    assert client.get(new).status_code == 200


@pytest.mark.parametrize("name", ["nowhere", "README", "report-html"])
def test_a_page_that_does_not_exist_is_not_found(client, db, name):
    assert client.get(f"/docs/{name}").status_code == 404


def test_a_page_that_is_not_installed_is_not_found(client, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    assert client.get("/docs/model-card").status_code == 404
    assert client.get("/docs/report").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["none", "a" * 5000, "%2e%2e", "index.md"])
def test_a_page_that_is_not_there_is_a_404(client, name):
    assert client.get(f"/docs/{name}").status_code == 404
