"""What the project says of itself, for those who only have the site: docs/ as pages."""

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
PAGES = {
    "model-card.md": "model-card",
    "reading.md": "how-it-reads",
    "report/report.html": "report",
}


def path_of(name: str) -> Path:
    """A document of the project. Raises Http404 where it is not installed."""
    path = Path(settings.BASE_DIR) / "docs" / name
    if not path.exists():
        raise Http404(f"This installation has no {name}.")
    return path


def page_of(name: str, title: str):
    """The view of a document in Markdown."""

    @require_safe
    def view(request):
        content = as_html(path_of(name).read_text())
        return render(request, "classifier/document.html", {"title": title, "content": content})

    return view


@require_safe
def report(request):
    """What the shipped network was measured to read, and every mistake it made."""
    file = path_of("report/report.html").open("rb")
    response = FileResponse(file, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = REPORT_POLICY
    return response


def as_html(source: str) -> SafeString:
    """Markdown of ours as HTML. Links lead to pages of the site; those to source code go."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    blocks = markdown.parse(source)
    for block in blocks:
        if block.children:
            block.children = relinked(block.children)
        if block.type == "table_open":
            block.attrSet("tabindex", "0")  # it scrolls on a phone, with a keyboard, too
        if block.attrGet("style"):  # of a table's column; the content policy allows no style
            block.attrs = {"class": "number"}
    return mark_safe(markdown.renderer.render(blocks, markdown.options, {}))


def relinked(tokens: list) -> list:
    kept, dropped = [], False
    for token in tokens:
        if token.type == "link_open":
            target = token.attrGet("href")
            dropped = target not in PAGES and "://" not in target
            if target in PAGES:
                token.attrSet("href", reverse(PAGES[target]))
        elif token.type == "image":
            token.attrSet("src", static(token.attrGet("src").replace("pictures/", "docs/")))
        if not (dropped and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept
