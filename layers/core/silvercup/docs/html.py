"""The text of HTML pages, as Markdown."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from silvercup.docs.charsets import cleaned
from silvercup.errors import InvalidRequest

MAX_MARKUP = 5_000_000
"""Characters of a page."""
MAX_TAGS = 300_000
"""Of them, ``<``; a tag takes 1.1 KB while a page is read."""
_DROPPED = ["title", "iframe", "noscript", "object", "svg", "template"]
_DECLARED = re.compile(
    rb"<meta[^>]{1,200}?charset\s{0,9}=\s{0,9}[\"']?([\w-]{2,40})|<\?xml[^>]{1,200}?encoding=[\"']([\w-]{2,40})",
    re.IGNORECASE,
)
_LOOKED_AT = 2_048
"""Bytes in which a page says its charset."""


def read_html(html: str, *, tick: Callable[[], object]) -> tuple[str, str]:
    """The title of a page (of ``<title>``, else its first ``<h1>``; empty when there is neither), and its text as Markdown.

    Headings, lists, tables and code stay; links and images become their texts; scripts, styles, comments are left out.

    Args:
        html: The page.
        tick: Called again and again, so that it can raise when time is up.

    Raises:
        InvalidRequest: It is too long, or has too many tags.
    """
    if len(html) > MAX_MARKUP:
        raise InvalidRequest(f"The page has {len(html):,} characters; at most {MAX_MARKUP:,} are read")
    if html.count("<") > MAX_TAGS:
        raise InvalidRequest(f"The page has more than {MAX_TAGS:,} tags; divide it, or send its text")
    from silvercup.expressions import markup

    library = importlib.import_module("markdownify")
    soup = markup.parsed(library, html, tick)
    title = _text_of(soup.title) or _text_of(soup.h1)
    for tag in soup.find_all(_DROPPED):
        tag.extract()
    for image in soup.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    text = markup.written(library, soup, tick, strip=["a"], escape_asterisks=False, escape_underscores=False)
    return title, re.sub(r"\n{3,}", "\n\n", cleaned(text)).strip()


def declared_charset(data: bytes) -> str | None:
    """The charset that a page names at its beginning."""
    found = _DECLARED.search(data[:_LOOKED_AT])
    return (found[1] or found[2]).decode() if found else None


def _text_of(tag: Any) -> str:
    return " ".join(tag.get_text().split()) if tag is not None else ""
