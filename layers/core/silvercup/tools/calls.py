"""A call of a tool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from silvercup.errors import Problem, ToolFailed
from silvercup.values import JsonObject, kind_of


class SecretValues(Protocol):
    """What the tools need of the secrets."""

    def values(self, tenant: str, names: Iterable[str], agent_id: str | None = None, /) -> dict[str, str]:
        """The values of some secrets by name; those that are not there are left out.

        Raises:
            TransientError: It may work later.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call.

    Attributes:
        tenant: Whose; all that the tool does is done as this developer.
        tool: The tool as it is stored: ``{name, type, description?, <type>: {...}}``.
        arguments: What the tool is called with.
        seconds: How long it may take, attempts and all.
        agent_id: The agent that calls; where an agent is meant and none is named, it is this one.
        session_id: The session in which it is called.
        by_model: Whether a model wrote the arguments. The author of a task's tool step may give an ``api_call`` another address or
            other headers; a model only where the tool's ``params_schema`` has these.
        may_use_secrets: Whether the definition may name secrets; not where a model may have written it.
        with_secrets: The keys of the definition into which values of secrets were put: they go to no other origin than its own.
        secrets: What reads secrets, where the caller has read some already; None: what the runner has.
        made_id: A UUID chosen once for this call: what the call creates gets it, so that a repeated call creates nothing twice.
    """

    tenant: str
    tool: JsonObject = field(repr=False)
    arguments: JsonObject = field(repr=False)
    seconds: float
    agent_id: str | None = None
    session_id: str | None = None
    by_model: bool = True
    may_use_secrets: bool = True
    with_secrets: frozenset[str] = frozenset()
    secrets: SecretValues | None = field(default=None, repr=False)
    made_id: str | None = None


def spec_of(tool: JsonObject) -> JsonObject:
    """The object of a tool that is named like its type.

    Raises:
        ToolFailed: There is none.
    """
    kind = tool.get("type")
    spec: Any = tool.get(kind) if isinstance(kind, str) else None
    if not isinstance(spec, dict):
        raise ToolFailed(f"The tool {tool.get('name')!r} has no object {kind!r} that says what it does")
    return cast("JsonObject", spec)


def object_of(holder: JsonObject, key: str, where: str) -> JsonObject:
    """The object under a key; empty where it is absent or null.

    Raises:
        ToolFailed: It is something else.
    """
    found: Any = holder.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        why = f"must be an object; it is {kind_of(found)}"
        raise ToolFailed(f"{where}.{key} {why}", [Problem(key, why)])
    return cast("JsonObject", found)
