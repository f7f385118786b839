"""Secrets in the definitions of tools: put in when a tool runs, and taken out of whatever comes back.

A definition says ``secrets.NAME`` in an expression (``$ f"Bearer {secrets.NAME}"``) or in a field of a text (``{secrets.NAME}``); nothing
else in it is an expression here. What a call brings, from a model or anyone else, is never looked at: it can't name a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from silvercup.errors import ExpressionError, Problem, ToolFailed
from silvercup.expressions import View, compile_value
from silvercup.expressions.secrets import ONLY_SECRETS, SECRETS, names_secrets, secret_names
from silvercup.redaction import Redactor
from silvercup.tools.calls import SecretValues, ToolCall, object_of, spec_of
from silvercup.tools.outgoing import HttpAnswer, HttpRequest, HttpSender
from silvercup.values import JsonObject

AS_WRITTEN = frozenset({"secrets", "params_schema", "schema"})
"""Keys of a definition that are no part of what is sent."""


def run_with_secrets(
    call: ToolCall,
    sender: Callable[[], HttpSender],
    secrets: Callable[[], SecretValues],
    run: Callable[[ToolCall, HttpSender], Any],
) -> Any:
    """Run a tool with the values of the secrets that its definition names; where it names none, as it is.

    Args:
        call: The call.
        sender: Gives what sends requests.
        secrets: Gives the secrets; asked only where one is named, and the call does not bring them.
        run: Runs the tool.

    Returns:
        Its result, without the values.

    Raises:
        ToolFailed: A secret is missing (named), or the tool failed; the message is without the values.
        TransientError: Secrets can't be read now.
    """
    named = _Named.of(call.tool)
    if not named.names:
        return run(call, sender())
    if not call.may_use_secrets:
        raise ToolFailed(f"{named.tool}: a tool that a model has defined is given no secrets")
    values = (call.secrets or secrets()).values(call.tenant, named.names, call.agent_id)
    if missing := sorted(named.names - values.keys()):
        raise ToolFailed(
            f"{named.tool}: there is no secret {', '.join(missing)}; create it with POST /secrets, or one of the agent's own"
        )
    redactor = Redactor(values.values())
    try:
        result = run(named.filled(call, values), _Redacting(sender(), redactor))
    except ToolFailed as error:
        details = [
            Problem(redactor.text(one.loc), redactor.text(one.msg), one.line, one.hint and redactor.text(one.hint))
            for one in error.details
        ]
        raise ToolFailed(redactor.text(error.message), details, transient=error.transient) from None
    return redactor.json(result)


def named_by(tool: JsonObject) -> frozenset[str]:
    """The names of the secrets that a tool's definition names; none where it does so in a way that can't be read."""
    try:
        return _Named.of(tool).names
    except ToolFailed:
        return frozenset()


@dataclass(frozen=True, slots=True)
class _Named:
    """What a definition names.

    Attributes:
        tool: The tool's name.
        names: Of the secrets.
        aliases: v1's ``secrets: {alias: {name: NAME}}``.
    """

    tool: str
    names: frozenset[str]
    aliases: Mapping[str, str]

    @classmethod
    def of(cls, definition: JsonObject) -> _Named:
        """What a tool's definition names.

        Raises:
            ToolFailed: It names them in a way that can't be read.
        """
        tool, spec = str(definition.get("name")), spec_of(definition)
        aliases = _aliases(tool, spec)
        sent = {key: value for key, value in spec.items() if key not in AS_WRITTEN}
        try:
            names = secret_names(sent)
        except ExpressionError as error:
            raise ToolFailed(f"{tool}: {error.message}") from None
        return cls(tool, frozenset(aliases.get(name, name) for name in names), aliases)

    def filled(self, call: ToolCall, values: Mapping[str, str]) -> ToolCall:
        """The call with the values in its definition, and the keys of the definition that have some.

        Raises:
            ToolFailed: An expression failed.
        """
        known = {**values, **{alias: values[name] for alias, name in self.aliases.items() if name in values}}
        quoted = {name: value.replace("{", "%7B").replace("}", "%7D") for name, value in known.items()}
        kind, spec = str(call.tool["type"]), spec_of(call.tool)
        filled: JsonObject = {}
        for key, value in spec.items():
            if key not in AS_WRITTEN:
                filled[key] = self._value(value, _View(quoted if key == "url" else known))
        changed = frozenset(key for key, value in filled.items() if value != spec[key])
        return replace(call, tool={**call.tool, kind: {**spec, **filled}}, with_secrets=changed)

    def _value(self, value: Any, view: _View) -> Any:
        if isinstance(value, list):
            return [self._value(item, view) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {key: self._value(item, view) for key, item in cast("JsonObject", value).items()}
        if not isinstance(value, str) or not names_secrets(value):
            return value
        try:
            return compile_value(value, ONLY_SECRETS).evaluate({SECRETS: view})
        except ExpressionError as error:
            raise ToolFailed(f"{self.tool}: {error.message}") from None


class _View(View):
    """``secrets`` in an expression."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return SECRETS

    def view_getitem(self, key: object) -> object:
        """``secrets['NAME']``."""
        return self._values[str(key)]

    def view_getattr(self, name: str) -> object:
        """``secrets.NAME``."""
        return self._values[name]

    def view_json(self) -> object:
        """For what takes values out of messages."""
        return dict(self._values)


class _Redacting:
    """A sender whose answers are without the values: whatever is made of them is, too."""

    def __init__(self, sender: HttpSender, redactor: Redactor) -> None:
        self._sender = sender
        self._redactor = redactor

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        """As ``HttpSender.send``."""
        answer = self._sender.send(request)
        headers: dict[str, str] = self._redactor.json(answer.headers)
        reason = self._redactor.text(answer.reason)
        return replace(answer, reason=reason, headers=headers, body=self._redactor.raw(answer.body))


def _aliases(tool: str, spec: JsonObject) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for alias, found in object_of(spec, "secrets", tool).items():
        if why := alias_problem(found):
            raise ToolFailed(f"{tool}: secrets.{alias[:80]} {why}")
        aliases[alias] = found["name"]
    return aliases


def alias_problem(found: object) -> str | None:
    """What is wrong with what stands under an alias, if anything."""
    match found:
        case {"name": str()}:
            return None
        case _:
            return 'must be an object such as {"name": "MY_KEY"}'
