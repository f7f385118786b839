"""Markdown to HTML and back."""

from __future__ import annotations

import re
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter, at_most

MAX_MARKUP: Final = 200_000
_LONGEST_BLANK = 100
_BLANKS = re.compile(rf"(\s{{{_LONGEST_BLANK}}})\s+")
_DROPPED = (("<!--", "-->"), ("<![", "]>"), ("<?", ">"), ("<script", "</script>"), ("<style", "</style>"))


def markdown_to_html(meter: Meter, text: str) -> str:
    """The HTML of a Markdown text (CommonMark and tables) of at most 200,000 characters; HTML in it is escaped."""
    if not isinstance(text, str):
        raise ExpressionError("markdown_to_html() needs a text")
    at_most(len(text), MAX_MARKUP, "markdown_to_html()")
    from markdown_it import MarkdownIt

    def tick(*_args: Any) -> bool:
        meter.tick()
        return False

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
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
    from markdownify import ATX, MarkdownConverter

    class Converter(MarkdownConverter):
        def process_tag(self, *args: Any, **named: Any) -> Any:
            meter.tick()
            return super().process_tag(*args, **named)

    body = _BLANKS.sub(r"\1", _without(meter, text))
    try:
        markdown = Converter(heading_style=ATX).convert(body)
    except RecursionError:
        raise ExpressionError("html_to_markdown(): the HTML is nested too deeply") from None
    meter.text(len(markdown))
    return markdown.strip()


def _without(meter: Meter, text: str) -> str:
    """The HTML without the parts that parsers look through again and again for an end that isn't there."""
    lower = text.lower() if len(text.lower()) == len(text) else text
    for start, end in _DROPPED:
        pieces: list[str] = []
        at = 0
        while (begin := lower.find(start, at)) >= 0:
            meter.tick()
            pieces.append(text[at:begin])
            stop = lower.find(end, begin + len(start))
            at = len(text) if stop < 0 else stop + len(end)
        text = "".join([*pieces, text[at:]])
        lower = text.lower() if len(text.lower()) == len(text) else text
    return text
