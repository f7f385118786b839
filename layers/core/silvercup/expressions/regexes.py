"""Regular expressions by RE2: matching takes time in proportion to the text, and the proportion is bounded too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions.limits import Meter, at_most
from silvercup.expressions.views import Function, Namespace, View, invoke, plain

MAX_PATTERN: Final = 10_000
MAX_SUBJECT: Final = 10_000_000
MAX_WORK: Final = 150_000_000
"""Characters times instructions of the compiled pattern; RE2 needs at most about 6 ns each."""
_MEMORY: Final = 4 << 20


@cache
def _options(library: Any) -> Any:
    options = library.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


class Match(View):
    """A match object: ``m[1]``, ``m.group(1)``, ``m.span()`` and so on."""

    __slots__ = ("_match",)

    def __init__(self, match: Any) -> None:
        self._match = match

    def __repr__(self) -> str:
        return "a match object"

    def view_getitem(self, key: object) -> object:
        """One group, by number or name."""
        return self._match[key]

    def view_getattr(self, name: str) -> object:
        """The methods of Python's match objects, but for ``expand``."""
        if name in {"group", "groups", "groupdict", "start", "end", "span"}:
            method: Callable[..., Any] = getattr(self._match, name)
            return plain(name, method)
        if name in {"string", "pos", "endpos", "lastindex", "lastgroup"}:
            return getattr(self._match, name)
        raise AttributeError(
            f"a match object has no attribute {name!r}; there are: group, groups, groupdict, start, end, span"
        )

    def view_json(self) -> object:
        """Never: a match is no JSON.

        Raises:
            ExpressionError: Always.
        """
        raise ExpressionError("a match object is no plain value: take a part of it, as in `search_regex(...).group(0)`")


def _compiled(meter: Meter, pattern: object, text: object) -> Any:
    if not isinstance(pattern, str) or not isinstance(text, str):
        raise ExpressionError("a regular expression and the text it looks at must both be texts")
    at_most(len(pattern), MAX_PATTERN, "a regular expression")
    at_most(len(text), MAX_SUBJECT, "matching")
    library = meter.load("re2")
    try:
        compiled = library.compile(pattern, options=_options(library))
    except library.error as error:
        detail = error.args[0] if error.args else error
        reason = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise ExpressionError(f"the regular expression is not valid (RE2 syntax): {reason[:200]}") from None
    if compiled.programsize * len(text) > MAX_WORK:
        raise ExpressionError("the regular expression is too complex for a text this long")
    return compiled


def _one(name: str) -> Callable[..., Match | None]:
    def call(meter: Meter, pattern: object, text: object) -> Match | None:
        found = getattr(_compiled(meter, pattern, text), name)(text)
        return None if found is None else Match(found)

    return call


def _matches(meter: Meter, pattern: object, text: object) -> Iterator[Any]:
    for found in _compiled(meter, pattern, text).finditer(text):
        meter.tick()
        meter.charge(200)
        yield found


def _finditer(meter: Meter, pattern: object, text: object) -> Iterator[Match]:
    for found in _matches(meter, pattern, text):
        yield Match(found)


def _findall(meter: Meter, pattern: object, text: object) -> list[Any]:
    items: list[Any] = []
    for found in _matches(meter, pattern, text):
        groups = found.groups("")
        items.append(found.group() if not groups else groups[0] if len(groups) == 1 else groups)
        meter.charge(sum(map(len, groups)) + len(found.group()))
    return items


def _split(meter: Meter, pattern: object, text: str, maxsplit: int = 0) -> list[Any]:
    pieces: list[Any] = []
    end = 0
    for count, found in enumerate(_matches(meter, pattern, text) if maxsplit >= 0 else (), start=1):
        pieces += [text[end : found.start()], *found.groups()]
        meter.charge(sum(len(group or "") for group in found.groups()))
        end = found.end()
        if count == maxsplit:
            break
    return [*pieces, text[end:]]


def _subn(meter: Meter, pattern: object, repl: object, text: str, count: int = 0) -> tuple[str, int]:
    pieces: list[str] = []
    end = done = length = 0
    for found in _matches(meter, pattern, text):
        piece = _replacement(meter, repl, found)
        pieces += [text[end : found.start()], piece]
        length += len(piece) + found.start() - end
        end = found.end()
        done += 1
        meter.text(length)
        if done == count:
            break
    if not done:
        return text, 0
    meter.text(length + len(text) - end)
    return "".join([*pieces, text[end:]]), done


def _replacement(meter: Meter, repl: object, found: Any) -> str:
    if not isinstance(repl, str):
        made = invoke(meter, repl, Match(found))
        if not isinstance(made, str):
            raise ExpressionError("the replacement function must answer a text")
        return made
    if "\\" not in repl:
        return repl
    at_most(len(repl), MAX_PATTERN, "a replacement with backslashes")
    longest = max((len(group or "") for group in (found.group(), *found.groups())), default=0)
    meter.text(len(repl) + repl.count("\\") * longest)
    return found.expand(repl)


def _sub(meter: Meter, pattern: object, repl: object, text: str, count: int = 0) -> str:
    return _subn(meter, pattern, repl, text, count)[0]


def _escape(meter: Meter, text: str) -> str:
    at_most(len(text), MAX_PATTERN, "re.escape()")
    meter.text(2 * len(text))
    return str(meter.load("re2").escape(text))


def _match_regex(meter: Meter, pattern: object, text: object) -> bool:
    return _compiled(meter, pattern, text).fullmatch(text) is not None


SEARCH_REGEX: Final = Function("search_regex", _one("search"))
MATCH_REGEX: Final = Function("match_regex", _match_regex)
RE: Final = Namespace(
    "re",
    {
        name: Function(f"re.{name}", call)
        for name, call in {
            "search": _one("search"),
            "match": _one("match"),
            "fullmatch": _one("fullmatch"),
            "finditer": _finditer,
            "findall": _findall,
            "split": _split,
            "sub": _sub,
            "subn": _subn,
            "escape": _escape,
        }.items()
    },
)
