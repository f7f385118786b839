"""Filters on texts. Each measures its result before it makes it, or takes time in proportion to a text that is bounded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from silvercup.chat.templates.checks import required
from silvercup.errors import ExpressionError
from silvercup.expressions.documents import dump_json
from silvercup.expressions.formatting import percent, text_of
from silvercup.expressions.limits import Meter, at_most
from silvercup.expressions.methods import METHODS
from silvercup.expressions.sizes import kinds
from silvercup.expressions.views import Function

_LISTS: Final = kinds(dict, list, tuple)
_STR: Final = METHODS["str"]
_WORD_START: Final = re.compile(r"([-\s({\[<]+)")
_WORD: Final = re.compile(r"\w+")
_RUN: Final = re.compile(r"\S+")
_MAX_WRAPPED: Final = 200_000
_MAX_RUN: Final = 2_000
_MAX_ADDRESS: Final = 200_000
_ESCAPED: Final = {"&": "&amp;", ">": "&gt;", "<": "&lt;", "'": "&#39;", '"': "&#34;"}
_IN_JSON: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"}
_LEEWAY: Final = 5


def _method(name: str) -> Function:
    def call(meter: Meter, value: Any, *args: Any, **named: Any) -> Any:
        return _STR[name](meter, text_of(meter, value), *args, **named)

    return Function(name, call)


def _center(meter: Meter, value: Any, width: int = 80) -> str:
    return _STR["center"](meter, text_of(meter, value), width)


def _title(meter: Meter, value: Any) -> str:
    parts = _WORD_START.split(text_of(meter, value))
    meter.items(len(parts), 60)
    return "".join([part[0].upper() + part[1:].lower() for part in parts if part])


def _trim(meter: Meter, value: Any, chars: str | None = None) -> str:
    return _STR["strip"](meter, text_of(meter, value), chars)


def _replace(meter: Meter, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = text_of(meter, value), text_of(meter, old), text_of(meter, new)
    return _STR["replace"](meter, text, old, new, -1 if count is None else count)


def _mapped(meter: Meter, text: str, table: Mapping[str, str]) -> str:
    """The text with some of its characters replaced by longer texts."""
    meter.text(len(text) + sum(text.count(char) * (len(written) - 1) for char, written in table.items()))
    for char, written in table.items():
        text = text.replace(char, written)
    return text


def _escape(meter: Meter, value: Any) -> str:
    return _mapped(meter, text_of(meter, value), _ESCAPED)


def _tojson(meter: Meter, value: Any, indent: int | None = None) -> str:
    required(value)
    return _mapped(meter, dump_json(meter, value, indent=indent, sort_keys=True), _IN_JSON)


def _format(meter: Meter, value: Any, *args: Any, **named: Any) -> str:
    if args and named:
        raise ExpressionError("format takes values by position or by name, not both")
    return percent(meter, text_of(meter, value), named or args)


def _indent(meter: Meter, value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    step = _STR["rjust"](meter, "", width) if isinstance(width, int) else width
    lines: list[str] = _STR["splitlines"](meter, text_of(meter, value) + "\n")
    meter.text(sum(map(len, lines)) + len(lines) * (len(step) + 1))
    rest = [step + line if line or blank else line for line in lines[1:]]
    return (step if first else "") + "\n".join([*lines[:1], *rest])


def _truncate(
    meter: Meter,
    value: Any,
    length: int = 255,
    killwords: bool = False,
    end: str = "...",
    leeway: int = _LEEWAY,
) -> str:
    text = text_of(meter, value)
    if length < len(end) or leeway < 0:
        raise ExpressionError(f"truncate(): the length must be at least {len(end)}, that of {end[:20]!r}")
    if len(text) <= length + leeway:
        return text
    kept = text[: length - len(end)]
    meter.text(length)
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def _wordwrap(
    meter: Meter,
    value: Any,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str = "\n",
    break_on_hyphens: bool = True,
) -> str:
    text = text_of(meter, value)
    at_most(len(text), _MAX_WRAPPED, "wordwrap")
    at_most(max((len(run.group()) for run in _RUN.finditer(text)), default=0), _MAX_RUN, "a word in wordwrap")
    wrap = meter.load("textwrap").wrap
    lines: list[str] = []
    for paragraph in text.splitlines():
        meter.tick()
        made: list[str] = wrap(
            paragraph,
            width=width,
            expand_tabs=False,
            replace_whitespace=False,
            break_long_words=break_long_words,
            break_on_hyphens=break_on_hyphens,
        )
        lines += made or [""]
    meter.text(sum(map(len, lines)) + len(lines) * len(wrapstring))
    return wrapstring.join(lines)


def _outside(meter: Meter, text: str, begin: str, end: str) -> Iterator[str]:
    """What is not between ``begin`` and ``end``."""
    at = 0
    while (start := text.find(begin, at)) >= 0 and (stop := text.find(end, start)) >= 0:
        meter.tick()
        meter.charge(60)
        yield text[at:start]
        at = stop + len(end)
    yield text[at:]


def _striptags(meter: Meter, value: Any) -> str:
    text = text_of(meter, value)
    for begin, end in (("<!--", "-->"), ("<", ">")):
        text = "".join(_outside(meter, text, begin, end))
    words: list[str] = _STR["split"](meter, text)
    return html.unescape(" ".join(words))


def _urlencode(meter: Meter, value: Any) -> str:
    quote = meter.load("jinja2.utils").url_quote
    if not isinstance(value, _LISTS):
        text = text_of(meter, value)
        at_most(len(text), _MAX_ADDRESS, "urlencode")
        return quote(text)
    pairs = cast("dict[Any, Any]", value).items() if isinstance(value, dict) else value
    parts: list[str] = []
    for key, item in pairs:
        meter.tick()
        pair = text_of(meter, key), text_of(meter, item)
        at_most(sum(map(len, pair)), _MAX_ADDRESS, "urlencode")
        parts.append("=".join(quote(text, for_qs=True) for text in pair))
        meter.text(len(parts[-1]))
    return _STR["join"](meter, "&", parts)


def _wordcount(meter: Meter, value: Any) -> int:
    return sum(1 for _ in _WORD.finditer(text_of(meter, value)))


_ALIASES: Final = {"e": "escape", "forceescape": "escape"}
_CALLS: Final[dict[str, Any]] = {
    "center": _center,
    "escape": _escape,
    "format": _format,
    "indent": _indent,
    "replace": _replace,
    "safe": text_of,
    "string": text_of,
    "striptags": _striptags,
    "title": _title,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    "urlencode": _urlencode,
    "wordcount": _wordcount,
    "wordwrap": _wordwrap,
}

TEXT_FILTERS: Final[dict[str, Function]] = {
    **{name: _method(name) for name in ("capitalize", "lower", "upper")},
    **{name: Function(name, call) for name, call in _CALLS.items()},
    **{name: Function(name, _CALLS[of]) for name, of in _ALIASES.items()},
}
