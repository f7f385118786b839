"""Functions on JSON, YAML and longer texts, each with a bounded input."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions import markup, yamls
from silvercup.expressions.limits import MAX_TEXT, Meter, at_most
from silvercup.expressions.results import to_json
from silvercup.expressions.sizes import weigh
from silvercup.expressions.views import Function

MAX_JSON: Final = 10_000_000
MAX_DOC: Final = 10_000_000
_MAX_INDENT = 16
_SENTENCES = 15
_OVERLAP = 3
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[^\s.,;:])|(?<=[\u3002\uff01\uff1f])|\n[ \t]*\n")
_PREVIEW = 100


def load_json(meter: Meter, text: Any, *, strict: bool = True) -> Any:
    """The value of a JSON text of at most 10 MB."""
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str):
        raise ExpressionError(f"a JSON text is needed, not a value of type {type(text).__name__}")
    at_most(len(text), MAX_JSON, "reading JSON")
    containers = text.count("[") + text.count("{")
    meter.charge(containers * 200 + (text.count(",") + text.count(":")) * 50 + len(text))
    try:
        return json.loads(text, strict=strict)
    except RecursionError:
        raise ExpressionError("the JSON text is nested too deeply") from None


def dump_json(
    meter: Meter,
    value: object,
    *,
    indent: int | str | None = None,
    sort_keys: bool = False,
    ensure_ascii: bool = True,
    separators: tuple[str, str] | None = None,
    default: object = None,  # noqa: ARG001
) -> str:
    """``json.dumps``; what is not JSON is converted as a step's result is (so ``default`` is never needed)."""
    step = indent if isinstance(indent, int) else len(indent or "")
    if step > _MAX_INDENT or sum(map(len, separators or ())) > _MAX_INDENT:
        raise ExpressionError(f"indent and separators take at most {_MAX_INDENT} characters")
    made = to_json(value)
    weigh(meter, made, MAX_TEXT)
    text = json.dumps(
        made, indent=indent, sort_keys=bool(sort_keys), ensure_ascii=bool(ensure_ascii), separators=separators
    )
    meter.text(len(text))
    return text


def extract_json(meter: Meter, text: str) -> Any:
    """The JSON in a model's answer: the first fenced ``json`` block, or else the first fenced block, or else all of it."""
    if not isinstance(text, str):
        raise ExpressionError("extract_json() needs a text")
    body = text
    if "```" in text:
        mark = "```json" if "```json" in text else "```"
        start = text.index(mark) + len(mark)
        end = text.find("```", start)
        if end < 0:
            raise ExpressionError("extract_json(): the code block has no closing ```")
        body = text[start:end]
    try:
        return load_json(meter, body.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"extract_json(): {error}; the text begins {body.strip()[:_PREVIEW]!r}") from None


def chunk_doc(meter: Meter, text: str) -> list[str]:
    """The text in chunks of 15 sentences, each overlapping the one before by 3."""
    if not isinstance(text, str):
        raise ExpressionError("chunk_doc() needs a text")
    at_most(len(text), MAX_DOC, "chunk_doc()")
    sentences: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        meter.tick()
        sentences.append(text[start : end.end()].strip())
        start = end.end()
    sentences = [sentence for sentence in [*sentences, text[start:].strip()] if sentence]
    meter.items(len(sentences), 60)
    meter.charge(len(text) * 3)
    stride = _SENTENCES - _OVERLAP
    last = max(len(sentences) - _OVERLAP, 1)
    return [" ".join(sentences[at : at + _SENTENCES]) for at in range(0, last, stride)] if sentences else []


def _unavailable(name: str) -> Function:
    def call(_meter: Meter, *_args: Any, **_named: Any) -> Any:
        raise ExpressionError(f"{name}() is not available in this version")

    return Function(name, call)


UNAVAILABLE: Final = frozenset({"nlp", "humanize_text_alpha"})

DOCUMENTS: Final[dict[str, Function]] = {
    "load_json": Function("load_json", load_json),
    "load_yaml": Function("load_yaml", yamls.load),
    "dump_json": Function("dump_json", dump_json),
    "dump_yaml": Function("dump_yaml", yamls.dump),
    "extract_json": Function("extract_json", extract_json),
    "chunk_doc": Function("chunk_doc", chunk_doc),
    "markdown_to_html": Function("markdown_to_html", markup.markdown_to_html),
    "html_to_markdown": Function("html_to_markdown", markup.html_to_markdown),
    **{name: _unavailable(name) for name in UNAVAILABLE},
}
