"""Names of models: which one of which provider a name stands for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from silvercup.errors import InvalidRequest
from silvercup.settings import Settings

DEFAULT_MODEL = "gpt-4o"
"""What v1 used where neither the step, the session nor the agent named a model."""

OFFLINE = "offline"
ANTHROPIC = "anthropic"

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


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name stands for.

    Attributes:
        requested: The name that was asked for, or the default one.
        provider: Which provider answers: ``anthropic`` or ``offline``.
        model: The provider's name of the model.
        substituted: Whether another model answers than the one that the user named.
        warning: For the user, when it does.
    """

    requested: str
    provider: str
    model: str
    substituted: bool = False
    warning: str | None = None


class Catalog:
    """The names of models of one deployment.

    Args:
        settings: ``model`` chooses the provider, ``model_aliases`` is the user's own table, which wins over the built-in one.
        env: Where a provider's key is looked for under ``auto``; the process's environment when absent.

    Raises:
        ValueError: A setting is not acceptable; the message names its variable.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str] | None = None) -> None:
        if settings.model not in {"auto", ANTHROPIC, OFFLINE}:
            raise ValueError(f"SILVERCUP_MODEL is {settings.model!r}; it must be 'auto', 'anthropic' or 'offline'")
        self._choice = settings.model
        self._env = os.environ if env is None else env
        self._own = _read_aliases(settings.model_aliases)

    @property
    def default_model(self) -> str:
        """The name that an empty one stands for."""
        return DEFAULT_MODEL

    def provider(self, *, api_key: str | None = None) -> str:
        """Which provider serves names that say nothing else: under ``auto`` the one that there is a key for."""
        if self._choice != "auto":
            return self._choice
        keys = (api_key, self._env.get("ANTHROPIC_API_KEY"), self._env.get("ANTHROPIC_AUTH_TOKEN"))
        return ANTHROPIC if any(keys) else OFFLINE

    def resolve(self, name: str | None, *, api_key: str | None = None) -> Resolved:
        """Which model a name stands for.

        Args:
            name: What the user wrote; None or empty for the default.
            api_key: The caller's own key of the provider: under ``auto`` it is enough to have the provider answer.

        Raises:
            InvalidRequest: There is no such model; the message lists what there is.
        """
        asked = (name or "").strip()
        requested = asked or DEFAULT_MODEL
        target = self._own.get(requested, requested)
        provider = self.provider(api_key=api_key)
        if OFFLINE in {target, provider}:
            return self._offline(asked, requested, target)
        model = _of_anthropic(target)
        if model is None:
            via = f" (by SILVERCUP_MODEL_ALIASES for {requested})" if target != requested else ""
            raise InvalidRequest(f"Model {target}{via} not available. Available models: {self.names()}")
        substituted = bool(asked) and model != asked.removeprefix("anthropic/")
        warning = (
            f"{requested} is served by {model}; SILVERCUP_MODEL_ALIASES can name another model" if substituted else None
        )
        return Resolved(requested, ANTHROPIC, model, substituted, warning)

    def names(self) -> list[str]:
        """The names to choose from: the user's own, the provider's, v1's. Patterns (``gpt-4o-2024-08-06``) are not listed."""
        own = OWN_NAMES if self.provider() == ANTHROPIC else ()
        listed = (*self._own, *own, *(name for name, _ in ALIASES if not _is_pattern(name)), OFFLINE)
        return list(dict.fromkeys(listed))

    def _offline(self, asked: str, requested: str, target: str) -> Resolved:
        if not asked or target == OFFLINE:
            return Resolved(requested, OFFLINE, OFFLINE)
        hint = "set ANTHROPIC_API_KEY for real answers" if self._choice == "auto" else "SILVERCUP_MODEL says so"
        return Resolved(requested, OFFLINE, OFFLINE, True, f"{requested} is served by the offline model; {hint}")


def _of_anthropic(name: str) -> str | None:
    bare = name.removeprefix("anthropic/")
    known = (model for pattern, model in ALIASES if fnmatchcase(bare.lower(), pattern))
    return next(known, bare if bare.startswith("claude-") else None)


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*[?")


def _read_aliases(text: str) -> dict[str, str]:
    problem = f"SILVERCUP_MODEL_ALIASES is {text[:80]!r}; it must be a JSON object of names to names"
    try:
        value: Any = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"{problem}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(problem)
    table = cast("dict[str, Any]", value)
    if not all(isinstance(target, str) and target for target in table.values()):
        raise ValueError(problem)
    return cast("dict[str, str]", table)
