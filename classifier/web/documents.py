"""The documentation as pages of the site: the Markdown files of docs/, and some beside manage.py.

The files link to each other by relative paths, as a code host wants it. Here such a link leads to
the page of the file that it names. Links to files without a page, such as source code, are dropped.
"""

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import FileResponse, Http404
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
INDEX, REPORT, PICTURES = "docs/index.md", "docs/report/report.html", "docs/pictures/"
BESIDE_MANAGE_PY = {
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
}


class Section(NamedTuple):
    """A heading of the navigation, and the address and title of each page below it."""

    title: str
    pages: list[tuple[str, str]]


@require_safe
def index(request):
    return render_page(request, INDEX)


@require_safe
def document(request, name: str):
    return render_page(request, BESIDE_MANAGE_PY.get(name, f"docs/{name}.md"))


@require_safe
def report(request):
    """The measurements of the shipped network, with every picture that it read wrong."""
    file = existing(REPORT).open("rb")
    response = FileResponse(file, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = REPORT_POLICY
    return response


def render_page(request, name: str):
    """Render a Markdown file, named by its path in the project, with the navigation beside it."""
    blocks = parse(name)
    context = {"title": title_of(blocks), "content": as_html(blocks), "sections": list(sections())}
    return render(request, "classifier/document.html", context)


def existing(name: str) -> Path:
    """The path of a file of the project. Raises Http404 where it is not installed."""
    path = Path(settings.BASE_DIR) / name
    with suppress(OSError):  # a name may be too long for a file
        if path.is_file():
            return path
    raise Http404("There is no such page in this installation.")


def parse(name: str) -> list[Token]:
    """Parse a Markdown file, with anchors for its headings and links that work on this site."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    blocks = markdown.parse(existing(name).read_text())
    add_anchors(blocks)
    for block in blocks:
        if block.children:
            block.children = relink(block.children, posixpath.dirname(name))
        if block.type in ("table_open", "fence"):
            block.attrSet("tabindex", "0")  # it scrolls on a phone, with a keyboard, too
        if block.attrGet("style"):  # of a table's column; the content policy allows no style
            block.attrs = {"class": "number"}
    return blocks


def add_anchors(blocks: list[Token]) -> None:
    """Give each heading the id that code hosts give it."""
    for heading, text in pairwise(blocks):
        if heading.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", text_of(text).lower())
            heading.attrSet("id", words.replace(" ", "-"))


def relink(tokens: list[Token], folder: str) -> list[Token]:
    """Point links and pictures of a file in `folder` to addresses of the site."""
    kept, dropping = [], False
    for token in tokens:
        if token.type == "link_open":
            address = address_of(str(token.attrGet("href")), folder)
            dropping = address is None
            token.attrSet("href", address or "")
        elif token.type == "image":
            path = posixpath.normpath(posixpath.join(folder, str(token.attrGet("src"))))
            token.attrSet("src", static(f"docs/{path.removeprefix(PICTURES)}"))
        if not (dropping and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept


def address_of(target: str, folder: str) -> str | None:
    """Where a link of a file in `folder` leads on this site; None if to no page."""
    path, hash_sign, anchor = target.partition("#")
    if not path or "://" in path:
        return target
    name = posixpath.normpath(posixpath.join(folder, path))
    page = page_of(name)
    return page and page + hash_sign + anchor


def page_of(name: str) -> str | None:
    """The address of a file, which is named by its path in the project; None if it has no page."""
    if name == INDEX:
        return reverse("documentation")
    if name == REPORT:
        return reverse("report")
    for page, file in BESIDE_MANAGE_PY.items():
        if name == file:
            return reverse("document", args=[page])
    if match := re.fullmatch(r"docs/([\w-]+)\.md", name):
        return reverse("document", args=[match[1]])
    return None


def as_html(blocks: list[Token]) -> SafeString:
    markdown = MarkdownIt("commonmark", {"html": False})
    return mark_safe(markdown.renderer.render(blocks, markdown.options, {}))


def title_of(blocks: list[Token]) -> str:
    """The text of the first heading."""
    return text_of(blocks[1])


def text_of(inline: Token) -> str:
    return "".join(token.content for token in inline.children or [])


def sections() -> Iterator[Section]:
    """The navigation, as the index has it: its headings, and the first link of each list item."""
    section = Section("", [])
    blocks = parse(INDEX)
    for opening, block in pairwise(blocks):
        if opening.type == "heading_open" and opening.tag == "h2":
            if section.pages:
                yield section
            section = Section(text_of(block), [])
        elif opening.type == "paragraph_open" and block.children[0].type == "link_open":
            link, text = block.children[:2]
            section.pages.append((str(link.attrGet("href")), text.content))
    yield section
