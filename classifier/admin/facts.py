"""Recorded facts, which are JSON, as tables for people."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def readable(value) -> SafeString | str:
    """A JSON value: an object is a table, a list of objects a table to unfold."""
    if value in (None, "", {}, []):
        return "-"
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case int():
            return f"{value:,}"
        case dict():
            return _table(value)
        case [dict(), *_]:
            return _rows(value)
        case list():
            return ", ".join(str(readable(each)) for each in value)
    return str(value)


def words(name: str) -> str:
    return name.replace("_", " ").replace("sha256", "SHA-256")


def _table(facts: dict) -> SafeString:
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th><td>{}</td></tr>',
        ((words(name), readable(value)) for name, value in facts.items()),
    )
    return format_html('<table class="facts">{}</table>', rows)


def _rows(rows: list[dict]) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((words(name),) for name in rows[0]))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (
                format_html_join(
                    "", "<td>{}</td>", ((readable(each.get(name)),) for name in rows[0])
                ),
            )
            for each in rows
        ),
    )
    return format_html(
        '<details><summary>{} rows</summary><div class="scrolls"><table class="facts">'
        "<thead><tr>{}</tr></thead>{}</table></div></details>",
        len(rows),
        head,
        body,
    )
