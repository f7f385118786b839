"""How much models read and write, in tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a model reads and writes.

    Attributes:
        context: The most tokens that the prompt and the answer have together.
        output: The most tokens that the answer has.
    """

    context: int
    output: int


UNKNOWN = Limits(128_000, 16_384)
"""What a model that no pattern names is taken for."""

KNOWN: tuple[tuple[str, Limits], ...] = (
    # A pattern of the providers' names, without vendor and region (``us.anthropic.``, ``meta-llama/``); the first match counts.
    ("offline", Limits(32_000, 32_000)),
    ("claude-3-5-*", Limits(200_000, 8_192)),
    ("claude-3-7-*", Limits(200_000, 64_000)),
    ("claude-3-*", Limits(200_000, 4_096)),
    ("claude-sonnet-4-[025]*", Limits(200_000, 64_000)),
    ("claude-opus-4-[012]*", Limits(200_000, 32_000)),
    ("claude-opus-4-5*", Limits(200_000, 64_000)),
    ("claude-haiku-4*", Limits(200_000, 64_000)),
    ("claude-sonnet-4-6*", Limits(1_000_000, 64_000)),
    ("claude-opus-4-*", Limits(1_000_000, 128_000)),
    ("claude-*", Limits(1_000_000, 128_000)),
    ("gpt-4o*", Limits(128_000, 16_384)),
    ("chatgpt-4o*", Limits(128_000, 16_384)),
    ("gpt-4.1*", Limits(1_047_576, 32_768)),
    ("gpt-4-turbo*", Limits(128_000, 4_096)),
    ("gpt-4-*preview*", Limits(128_000, 4_096)),
    ("gpt-4-32k*", Limits(32_768, 32_768)),
    ("gpt-4*", Limits(8_192, 8_192)),
    ("gpt-3.5*", Limits(16_385, 4_096)),
    ("gpt-5*-chat*", Limits(128_000, 16_384)),
    ("gpt-5.[4-9]*-mini*", Limits(400_000, 128_000)),
    ("gpt-5.[4-9]*-nano*", Limits(400_000, 128_000)),
    ("gpt-5.[4-9]*", Limits(1_050_000, 128_000)),
    ("gpt-5*", Limits(400_000, 128_000)),
    ("gpt-[6-9]*", Limits(1_050_000, 128_000)),
    ("gpt-oss*", Limits(131_072, 131_072)),
    ("o1-mini*", Limits(128_000, 65_536)),
    ("o1-preview*", Limits(128_000, 32_768)),
    ("o[1-9]*", Limits(200_000, 100_000)),
    ("gemini-*", Limits(1_048_576, 65_536)),
    ("nova-micro*", Limits(128_000, 10_000)),
    ("nova-premier*", Limits(1_000_000, 25_000)),
    ("nova-*", Limits(300_000, 10_000)),
    ("llama[-]3-*", Limits(8_192, 8_192)),
    ("llama3-*", Limits(8_192, 8_192)),
    ("llama3", Limits(8_192, 8_192)),
    ("llama3:*", Limits(8_192, 8_192)),
    ("llama*", Limits(128_000, 8_192)),
    ("mistral-large*", Limits(128_000, 8_192)),
    ("mistral*", Limits(32_000, 8_192)),
    ("mixtral*", Limits(32_000, 8_192)),
    ("deepseek*", Limits(128_000, 8_192)),
)


class LimitTable:
    """Limits by model, with the user's own.

    Args:
        own: JSON object of patterns of models' names (as in ``KNOWN``, or of the whole name) to tokens that the model reads.

    Raises:
        ValueError: It is none; the message names the variable.
    """

    def __init__(self, own: str = "{}") -> None:
        self._own = _read(own)

    def of(self, model: str) -> Limits:
        """The limits of a model, by its provider's name."""
        full, bare = model.lower(), bare_name(model).lower()
        found = next((limits for pattern, limits in KNOWN if fnmatchcase(bare, pattern)), UNKNOWN)
        for pattern, context in self._own.items():
            if fnmatchcase(full, pattern.lower()) or fnmatchcase(bare, pattern.lower()):
                return Limits(context, min(found.output, context))
        return found


def bare_name(model: str) -> str:
    """The name without what stands before it: ``us.anthropic.claude-x`` and ``openrouter/anthropic/claude-x`` are ``claude-x``."""
    last = model.rsplit("/", 1)[-1]
    head, dot, rest = last.partition(".")
    while dot and head.replace("-", "").isalpha():
        last = rest
        head, dot, rest = last.partition(".")
    return last


def _read(text: str) -> dict[str, int]:
    problem = f"SILVERCUP_CONTEXT_LIMITS is {text[:80]!r}; it must be a JSON object of names (or patterns) to numbers of tokens"
    try:
        value: Any = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"{problem}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(problem)
    table = cast("dict[str, Any]", value)
    if not all(type(tokens) is int and tokens > 0 for tokens in table.values()):
        raise ValueError(problem)
    return cast("dict[str, int]", table)
