"""The tables of names: v1's, the providers' own, and who serves whom."""

from __future__ import annotations

from fnmatch import fnmatchcase

OWN_NAMES: tuple[str, ...] = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
)
"""Anthropic's models that the list of models shows; any other ``claude-...`` passes through as well."""

LARGE, MEDIUM, SMALL = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"

ALIASES: tuple[tuple[str, str], ...] = (
    # v1's name, or a pattern of names (* and [..] as in file names): the model of Anthropic that serves it. The first match counts.
    ("gpt-4o", MEDIUM),
    ("gpt-4o-mini", SMALL),
    ("gpt-4-turbo", MEDIUM),
    ("gpt-4.1", MEDIUM),
    ("gpt-4.1-mini", SMALL),
    ("gpt-4.1-nano", SMALL),
    ("gpt-5", MEDIUM),
    ("gpt-5-mini", SMALL),
    ("gpt-5-nano", SMALL),
    ("gpt-5-chat-latest", MEDIUM),
    ("o1", LARGE),
    ("o1-mini", MEDIUM),
    ("o1-preview", LARGE),
    ("o3-mini", MEDIUM),
    ("o4-mini", MEDIUM),
    ("claude-3-haiku", SMALL),
    ("claude-3-sonnet", MEDIUM),
    ("claude-3-opus", LARGE),
    ("claude-3.5-haiku", SMALL),
    ("claude-3.5-sonnet", MEDIUM),
    ("claude-3.7-sonnet", MEDIUM),
    ("claude-sonnet-4", MEDIUM),
    ("claude-sonnet-4-5", MEDIUM),  # retired at the end of November 2026
    ("claude-opus-4", LARGE),
    ("claude-opus-4-1", LARGE),
    ("gemini-1.5-pro", MEDIUM),
    ("gemini-2.0-flash", SMALL),
    ("gemini-2.5-flash", SMALL),
    ("gemini-2.5-pro", MEDIUM),
    ("llama-3.1-8b", SMALL),
    ("llama-3.1-70b", MEDIUM),
    ("llama-3.3-70b", MEDIUM),
    ("mistral-large-2411", MEDIUM),
    ("deepseek-chat", MEDIUM),
    # Retired ones of Anthropic, by its own names
    ("claude-3*haiku*", SMALL),
    ("claude-3*opus*", LARGE),
    ("claude-3*", MEDIUM),
    ("claude-sonnet-4-[02]*", MEDIUM),
    ("claude-sonnet-4-5-*", MEDIUM),
    ("claude-opus-4-[012]*", LARGE),
    # Families
    ("gpt-*-mini*", SMALL),
    ("gpt-*-nano*", SMALL),
    ("gpt-[45]*", MEDIUM),
    ("o[134]-*", MEDIUM),
    ("gemini-*flash*", SMALL),
    ("gemini-*", MEDIUM),
    ("*llama*-8b*", SMALL),
    ("*llama*", MEDIUM),
    ("*mistral*", MEDIUM),
    ("*deepseek*", MEDIUM),
    ("*qwen*", MEDIUM),
    ("amazon/nova-pro*", MEDIUM),
    ("amazon/nova-*", SMALL),
    ("perplexity/*", MEDIUM),
    ("openrouter/*", MEDIUM),
    ("openai/*-mini*", SMALL),
    ("openai/*", MEDIUM),
)

OPENAI_NAMES: tuple[str, ...] = ("gpt-6.2-sol", "gpt-6-sol", "gpt-6.1-terra", "gpt-6-luna")
"""OpenAI's models that the list of models shows; any other name of its families passes through as well."""

OPENAI_FAMILIES = ("gpt-*", "o[1-9]", "o[1-9]-*", "chatgpt-*", "codex-*", "ft:*")
"""Patterns of OpenAI's own names."""

OPENAI_RETIRED = (
    # Patterns of OpenAI's names that it no longer serves, by its page of deprecations, November 2026; ``ALIASES`` says how large a model each was.
    "gpt-3.5*",
    "gpt-4",
    "gpt-4-*",
    "gpt-4.1-nano*",
    "gpt-5*-chat-latest",
    "chatgpt-4o-latest",
    "o1",
    "o1-*",
    "o3-mini*",
    "o4-mini*",
)

BY_OPENAI = {LARGE: "gpt-6-sol", MEDIUM: "gpt-6.1-terra", SMALL: "gpt-6-luna"}
"""The model of OpenAI that stands in for one of Anthropic's of the same size."""

BY_BEDROCK = {
    LARGE: "global.anthropic.claude-opus-5-5",
    MEDIUM: "global.anthropic.claude-sonnet-5-5",
    SMALL: "global.anthropic.claude-haiku-5-5",
}
"""The ids on Bedrock of the models that v1's names stand for; ``global.`` takes any region's capacity."""

BEDROCK_ALIASES: tuple[tuple[str, str], ...] = (
    # v1's names of models that Bedrock has itself.
    ("amazon/nova-lite-v1", "amazon.nova-lite-v1:0"),
    ("amazon/nova-micro-v1", "amazon.nova-micro-v1:0"),
    ("amazon/nova-pro-v1", "amazon.nova-pro-v1:0"),
    ("claude-haiku-4-5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6"),
)

BEDROCK_IDS = ("arn:*:bedrock:*", "[a-z]*.[a-z]*")
"""Patterns of ids that Bedrock takes: ``amazon.nova-pro-v1:0``, ``us.anthropic.claude-...``, ARNs of inference profiles."""


def is_openai(name: str) -> bool:
    """Whether it is a name of OpenAI's own."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in OPENAI_FAMILIES)


def is_claude(name: str) -> bool:
    """Whether it is a name of Anthropic's own, or v1's of one of its models."""
    return name.lower().startswith("claude-")


def is_listed(name: str) -> bool:
    """Whether the alias table has this very name, not a pattern of it."""
    return any(name == pattern for pattern, _ in ALIASES)


def is_pattern(name: str) -> bool:
    """Whether a name in a table stands for many."""
    return any(mark in name for mark in "*[?")


def by_anthropic(name: str) -> str | None:
    """The model of Anthropic that serves a name; None for an unknown one."""
    known = (model for pattern, model in ALIASES if fnmatchcase(name.lower(), pattern))
    return next(known, name if name.startswith("claude-") else None)


def by_openai(name: str) -> str | None:
    """The model of OpenAI that serves a name; None for an unknown one."""
    retired = any(fnmatchcase(name.lower(), pattern) for pattern in OPENAI_RETIRED)
    if is_openai(name) and not retired:
        return name
    size = _size(name)
    return BY_OPENAI[size] if size else None


def by_bedrock(name: str) -> str | None:
    """The id on Bedrock of what serves a name; None for an unknown one."""
    own = dict(BEDROCK_ALIASES).get(name.lower())
    if own:
        return own
    if any(fnmatchcase(name, pattern) for pattern in BEDROCK_IDS):
        return name
    size = _size(name)
    return BY_BEDROCK[size] if size else None


def _size(name: str) -> str | None:
    """Which of the three sizes of models a name stands for."""
    model = by_anthropic(name)
    if model is None:
        return MEDIUM if is_openai(name) else None
    if model in BY_OPENAI:
        return model
    return next((size for word, size in (("opus", LARGE), ("haiku", SMALL)) if word in model), MEDIUM)
