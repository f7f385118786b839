"""What an operation of a system tool is, and the request that it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from silvercup.tools.calls import ToolCall
from silvercup.tools.system.services import Services
from silvercup.values import JsonObject


@dataclass(frozen=True, slots=True)
class Request:
    """A call of an operation whose arguments have been checked.

    Attributes:
        services: The services behind the API.
        call: The call; its tenant is whose things are meant.
        arguments: Flat, without nulls; ids in canonical form.
    """

    services: Services
    call: ToolCall
    arguments: JsonObject

    @property
    def tenant(self) -> str:
        """Whose things are meant."""
        return self.call.tenant

    @property
    def made_id(self) -> str:
        """The id for what is created."""
        return self.call.made_id or uuid7()

    @property
    def repeated(self) -> bool:
        """Whether an earlier attempt of the call may have created it already."""
        return self.call.made_id is not None

    def fields(self, *ids: str) -> JsonObject:
        """The arguments but for these."""
        return {key: value for key, value in self.arguments.items() if key not in ids}

    def page(self) -> ListQuery:
        """What a list is asked for.

        Raises:
            InvalidRequest: ``limit`` or ``offset`` is out of range.
        """
        given = {
            key: self.arguments[key] for key in ("limit", "offset", "sort_by", "direction") if key in self.arguments
        }
        filters: Mapping[str, Any] = self.arguments.get("metadata_filter") or {}
        texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in filters.items()}
        return ListQuery(**given, metadata_filter=texts)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        says: What it does, for a model.
        run: Does it.
        properties: The JSON Schemas of its arguments.
        required: Which of them must be there.
        own_agent: Whether ``agent_id`` is the calling agent's where it is absent.
        others: Whether arguments of other names are taken as well.
    """

    says: str
    run: Callable[[Request], Any]
    properties: JsonObject = field(default_factory=dict[str, Any])
    required: tuple[str, ...] = ()
    own_agent: bool = False
    others: bool = False

    @property
    def ids(self) -> frozenset[str]:
        """The arguments that are ids."""
        return frozenset(key for key, schema in self.properties.items() if schema.get("format") == "uuid")

    def schema(self, fixed: JsonObject | None = None) -> JsonObject:
        """The JSON Schema of its arguments.

        Args:
            fixed: Arguments that a definition has already: they are left out.
        """
        left = {key: value for key, value in self.properties.items() if key not in (fixed or {})}
        required = [key for key in self.required if key in left]
        schema: JsonObject = {"type": "object", "properties": left}
        if required:
            schema["required"] = required
        return schema if self.others else {**schema, "additionalProperties": False}
