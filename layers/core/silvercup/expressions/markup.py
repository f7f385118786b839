"""Markdown to HTML and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter, at_most

MAX_MARKUP: Final = 200_000
_LONGEST_BLANK = 100
_DEEPEST = 80
"""Tags nested more deeply are left out, their text stays."""
_BLANKS = re.compile(rf"(\s{{{_LONGEST_BLANK}}})\s+")
_DROPPED = (("<!--", "-->"), ("<![", "]>"), ("<!", ">"), ("<?", ">"), ("<script", "</script>"), ("<style", "</style>"))
_BRACKET = re.compile(r"[<>]")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})((?:[\s/][^<>]*)?)>")
_ATTRIBUTE = re.compile(
    r"(?<![\w:-])(href|src|alt|title|start)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]++))", re.IGNORECASE
)
_MAX_ATTRIBUTES = 10_000
_QUOTE = '"'


def markdown_to_html(meter: Meter, text: str) -> str:
    """The HTML of a Markdown text (CommonMark and tables) of at most 200,000 characters; HTML in it is escaped."""
    if not isinstance(text, str):
        raise ExpressionError("markdown_to_html() needs a text")
    at_most(len(text), MAX_MARKUP, "markdown_to_html()")
    library = meter.load("markdown_it")

    def tick(*_args: Any) -> bool:
        meter.tick()
        return False

    parser = library.MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    parser.block.ruler.before("table", "tick", tick)
    parser.inline.ruler.before("text", "tick", tick)
    html = str(parser.render(text))
    meter.text(len(html))
    return html


def html_to_markdown(meter: Meter, text: str) -> str:
    """The Markdown of an HTML text of at most 200,000 characters; scripts, styles and comments are left out."""
    if not isinstance(text, str):
        raise ExpressionError("html_to_markdown() needs a text")
    at_most(len(text), MAX_MARKUP, "html_to_markdown()")
    library = meter.load("markdownify")
    markdown = written(library, parsed(library, text, meter.tick), meter.tick)
    meter.text(len(markdown))
    return markdown.strip()


def parsed(library: Any, html: str, tick: Callable[[], object]) -> Any:
    """The tree (of BeautifulSoup) of an HTML text, in time in proportion to its length.

    Scripts, styles, comments and all attributes but those that Markdown keeps are left out.

    Args:
        library: The module ``markdownify``.
        html: Any text.
        tick: Called again and again, so that it can raise when time is up.
    """

    class Soup(library.BeautifulSoup):
        def handle_starttag(self, *args: Any, **named: Any) -> Any:
            tick()
            parent: Any = super()
            return None if len(self.tagStack) > _DEEPEST else parent.handle_starttag(*args, **named)

    body = _BLANKS.sub(r"\1", _clean(tick, _without(tick, html)))
    return Soup(f"{body}\n", "html.parser")


def written(library: Any, soup: Any, tick: Callable[[], object], **options: Any) -> str:
    """The Markdown of a tree, with headings as ``#``.

    Args:
        library: The module ``markdownify``.
        soup: What ``parsed`` returned.
        tick: As there.
        options: Of ``MarkdownConverter``.
    """

    class Converter(library.MarkdownConverter):
        def process_tag(self, *args: Any, **named: Any) -> Any:
            tick()
            parent: Any = super()
            return parent.process_tag(*args, **named)

    markdown: str = Converter(heading_style=library.ATX, **options).convert_soup(soup)
    return markdown


def _without(tick: Callable[[], object], text: str) -> str:
    """The HTML without the parts that parsers look through again and again for an end that isn't there."""
    lower = text.lower() if len(text.lower()) == len(text) else text
    for start, end in _DROPPED:
        pieces: list[str] = []
        at = 0
        while (begin := lower.find(start, at)) >= 0:
            tick()
            pieces.append(text[at:begin])
            stop = lower.find(end, begin + len(start))
            at = len(text) if stop < 0 else stop + len(end)
        text = "".join([*pieces, text[at:]])
        lower = text.lower() if len(text.lower()) == len(text) else text
    return text


def _clean(tick: Callable[[], object], text: str) -> str:
    """The same HTML with nothing but complete tags and the attributes that Markdown keeps.

    On the rest the parser of the standard library can take a minute.
    """
    pieces: list[str] = []
    at = 0
    begin = -1
    for bracket in _BRACKET.finditer(text):
        tick()
        if bracket.group() == "<":
            begin = bracket.start()
            continue
        tag = _TAG.fullmatch(text, begin, bracket.end()) if begin >= 0 else None
        if tag is not None:
            pieces += [text[at:begin].replace("<", "&lt;"), _tag(*tag.groups())]
            at = bracket.end()
        begin = -1
    return "".join([*pieces, text[at:].replace("<", "&lt;")])


def _tag(slash: str, name: str, attributes: str) -> str:
    kept = "".join(
        f' {found.group(1)}="{(found.group(2) or found.group(3) or found.group(4) or "").replace(_QUOTE, "&quot;")}"'
        for found in _ATTRIBUTE.finditer(attributes[:_MAX_ATTRIBUTES])
    )
    return f"<{slash}{name}{kept}>"
