"""Names of models: which one of which provider a name stands for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from silvercup.errors import InvalidRequest
from silvercup.llm.aliases import (
    ALIASES,
    BY_BEDROCK,
    OPENAI_NAMES,
    OWN_NAMES,
    by_anthropic,
    by_bedrock,
    by_openai,
    is_claude,
    is_listed,
    is_openai,
    is_pattern,
)
from silvercup.settings import Settings

DEFAULT_MODEL = "gpt-4o"
"""What v1 used where neither the step, the session nor the agent named a model."""

ANTHROPIC = "anthropic"
BEDROCK = "bedrock"
OFFLINE = "offline"
OPENAI = "openai"

PROVIDERS = (ANTHROPIC, BEDROCK, OPENAI, OFFLINE)

KEY_VARIABLES = {ANTHROPIC: "ANTHROPIC_API_KEY", OPENAI: "OPENAI_API_KEY"}
"""The variable, and the name of a developer's secret, that holds a provider's key."""

_OPENAI_KEY = re.compile(r"sk-(proj|svcacct|admin)-|sk-.*T3BlbkFJ")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name stands for.

    Attributes:
        requested: The name that was asked for, or the default one.
        provider: Which provider answers: ``anthropic``, ``bedrock``, ``openai`` or ``offline``.
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

    A name is looked up in the user's own table first. ``anthropic/...``, ``openai/...`` and ``bedrock/...`` choose the provider, if
    it can be used here. Otherwise the setting does; under ``auto`` what there is a key (or an address) for: with Anthropic's and
    OpenAI's, a name of a family goes to its own provider and the others to Anthropic by way of the alias table.
    A server of one's own with OpenAI's API gets every name as it is that no other provider answers for.

    Args:
        settings: ``model`` chooses the provider, ``model_aliases`` is the user's own table, which wins over the built-in one,
            ``model_base_url`` is where OpenAI's API is.
        env: Where a provider's key is looked for under ``auto``; the process's environment when absent.

    Raises:
        ValueError: A setting is not acceptable; the message names its variable.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str] | None = None) -> None:
        if settings.model not in {"auto", *PROVIDERS}:
            options = ", ".join(repr(name) for name in ("auto", *PROVIDERS[:-1]))
            raise ValueError(f"SILVERCUP_MODEL is {settings.model!r}; it must be {options} or {OFFLINE!r}")
        self._choice = settings.model
        self._base_url = settings.model_base_url
        self._env = os.environ if env is None else env
        self._own = _read_aliases(settings.model_aliases)

    @property
    def default_model(self) -> str:
        """The name that an empty one stands for."""
        return DEFAULT_MODEL

    def provider(self, *, api_key: str | None = None) -> str:
        """Which provider serves names that say nothing else: under ``auto`` the first one that there is a key for."""
        return self._choose("", api_key)

    def key_variables(self, name: str | None) -> tuple[str, ...]:
        """The names of a developer's secrets whose value may be given as ``api_key`` for a model; the first one that there is counts.

        Raises:
            InvalidRequest: There is no such model.
        """
        asked = (name or "").strip() or DEFAULT_MODEL
        target = self._own.get(asked, asked)
        head, slash, _ = target.partition("/")
        if OFFLINE in (target, self._choice) or (slash and head == BEDROCK):
            return ()
        configured = self._configured()
        wanted = [head if slash else "", _family(target), *(configured or (ANTHROPIC, OPENAI))]
        if self._choice != "auto":
            wanted = [head if head in configured else self._choice]
        found = (KEY_VARIABLES[provider] for provider in wanted if provider in KEY_VARIABLES)
        return tuple(dict.fromkeys(found))

    def resolve(self, name: str | None, *, api_key: str | None = None) -> Resolved:
        """Which model a name stands for.

        Args:
            name: What the user wrote; None or empty for the default.
            api_key: The caller's own key of the provider: under ``auto`` it is enough to have the provider answer, and a key whose
                form says whose it is goes nowhere else.

        Raises:
            InvalidRequest: There is no such model (the message lists what there is), or the key is another provider's.
        """
        asked = (name or "").strip()
        requested = asked or DEFAULT_MODEL
        target = self._own.get(requested, requested)
        if OFFLINE in (target, self._choice):
            return self._offline(asked, requested, target)
        provider, bare, explicit = self._find(target, api_key)
        if provider == OFFLINE:
            return self._offline(asked, requested, target)
        _check_key(provider, api_key)
        model = bare if explicit else self._serve(provider, bare)
        if model is None:
            via = f" (by SILVERCUP_MODEL_ALIASES for {requested})" if target != requested else ""
            raise InvalidRequest(f"Model {target}{via} not available. Available models: {self.names(api_key=api_key)}")
        substituted = bool(asked) and model != asked and model != asked.removeprefix(f"{provider}/")
        warning = (
            f"{requested} is served by {model}; SILVERCUP_MODEL_ALIASES can name another model" if substituted else None
        )
        return Resolved(requested, provider, model, substituted, warning)

    def names(self, *, api_key: str | None = None) -> list[str]:
        """The names to choose from: the user's own, the providers', v1's. Patterns (``gpt-4o-2024-08-06``) are not listed."""
        main = self.provider(api_key=api_key)
        usable = {main, *self._configured()}
        own = {ANTHROPIC: OWN_NAMES, OPENAI: OPENAI_NAMES, BEDROCK: tuple(BY_BEDROCK.values())}
        if self._own_server():
            own[OPENAI] = ()
        shown = (name for provider in PROVIDERS if provider in usable for name in own.get(provider, ()))
        listed = (*self._own, *shown, *(name for name, _ in ALIASES if not is_pattern(name)), OFFLINE)
        return list(dict.fromkeys(listed))

    def _find(self, target: str, api_key: str | None) -> tuple[str, str, bool]:
        """The provider of a name, the name without its prefix, and whether the prefix alone says which model it is."""
        head, slash, rest = target.partition("/")
        if slash and rest:
            if head == BEDROCK:
                return BEDROCK, rest, True
            if head == OPENAI and self._may_ask(OPENAI, api_key):
                return OPENAI, rest, True
            if head == ANTHROPIC:
                if self._may_ask(ANTHROPIC, api_key):
                    return ANTHROPIC, rest, False
                if not self._own_server():
                    return self._choose(rest, api_key), rest, False
        return self._choose(target, api_key), target, False

    def _may_ask(self, provider: str, api_key: str | None) -> bool:
        """Whether a prefix can have its way: with a caller's key, unless the key is another provider's."""
        if api_key and self._choice == "auto":
            return _owner(api_key) in {None, provider}
        return provider in self._configured()

    def _choose(self, name: str, api_key: str | None) -> str:
        """The provider of a name without a prefix."""
        if self._choice != "auto":
            return self._choice
        return self._of_key(name, api_key) or self._by_name(name)

    def _by_name(self, name: str) -> str:
        """The provider that is configured for a name."""
        configured = self._configured()
        if len(configured) < 2:
            return configured[0] if configured else OFFLINE
        if is_claude(name):
            return ANTHROPIC
        if not self._own_server():
            return OPENAI if is_openai(name) else ANTHROPIC
        if is_openai(name):
            return OPENAI if self._env.get("OPENAI_API_KEY") else ANTHROPIC
        return OPENAI if name and not is_listed(name) else ANTHROPIC

    def _of_key(self, name: str, api_key: str | None) -> str | None:
        """Whose a caller's key is: by its form, else by the family of the name, if that provider is configured or none is."""
        if not api_key or self._choice != "auto":
            return None
        configured = self._configured()
        family = _owner(api_key) or _family(name)
        if family and (_owner(api_key) or family in configured or not configured):
            return family
        return self._by_name(name) if configured else ANTHROPIC

    def _configured(self) -> list[str]:
        """The providers that can be asked, the preferred one first; Bedrock, which needs no key, only where the setting names it."""
        if self._choice == OFFLINE:
            return []
        chosen = [] if self._choice == "auto" else [self._choice]
        return [*chosen, *(name for name in (ANTHROPIC, OPENAI) if name not in chosen and self._has_key(name))]

    def _has_key(self, provider: str) -> bool:
        if provider == ANTHROPIC:
            return any(self._env.get(name) for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
        return bool(self._env.get("OPENAI_API_KEY") or self._url())

    def _url(self) -> str:
        return self._base_url or self._env.get("OPENAI_BASE_URL") or ""

    def _own_server(self) -> bool:
        """Whether OpenAI's API is served by someone else."""
        return bool(self._url()) and not is_openais_own(self._url())

    def _serve(self, provider: str, name: str) -> str | None:
        if provider == ANTHROPIC:
            return by_anthropic(name)
        if provider == BEDROCK:
            return by_bedrock(name)
        return name if self._own_server() else by_openai(name)

    def _offline(self, asked: str, requested: str, target: str) -> Resolved:
        if not asked or target == OFFLINE:
            return Resolved(requested, OFFLINE, OFFLINE)
        hint = (
            "set ANTHROPIC_API_KEY or OPENAI_API_KEY for real answers"
            if self._choice == "auto"
            else "SILVERCUP_MODEL says so"
        )
        return Resolved(requested, OFFLINE, OFFLINE, True, f"{requested} is served by the offline model; {hint}")


def is_openais_own(url: str) -> bool:
    """Whether an address is one of OpenAI's own; no address means its usual one."""
    host = urlsplit(url).hostname or ""
    return not url or host == "openai.com" or host.endswith(".openai.com")


def _family(name: str) -> str:
    if is_claude(name):
        return ANTHROPIC
    return OPENAI if is_openai(name) else ""


def _owner(api_key: str | None) -> str | None:
    """Whose a key is, where its form says so."""
    if not api_key:
        return None
    if api_key.startswith("sk-ant-"):
        return ANTHROPIC
    return OPENAI if _OPENAI_KEY.match(api_key) else None


def _check_key(provider: str, api_key: str | None) -> None:
    """Send no key to anyone but its owner.

    Raises:
        InvalidRequest: It is another provider's, or the provider takes none.
    """
    if not api_key:
        return
    if provider == BEDROCK:
        raise InvalidRequest(
            "Bedrock is asked with the server's own rights; leave the API key of the model's provider out"
        )
    owner = _owner(api_key)
    if owner not in {None, provider}:
        raise InvalidRequest(
            f"The API key is one of {owner}'s, but the model is served by {provider}; give one of {provider}'s"
        )


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
