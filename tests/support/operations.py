"""The routes of the API as its OpenAPI document has them, with requests that are right for each."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from silvercup.http.app import create_app
from silvercup.ids import uuid7

DOCUMENT: dict[str, Any] = create_app(object).openapi()
TASK: dict[str, Any] = {"name": "T", "main": [{"evaluate": {"x": "$ 1"}}, {"wait_for_input": {"info": {"y": "$ _.x"}}}]}
AGENT = "01912345-6789-7abc-8def-0123456789ab"
"""The agent whom right requests speak of; who sends them makes it."""
_KNOWN: dict[str, dict[str, Any]] = {
    "ToolWrite": {"name": "look_up", "type": "function", "function": {"parameters": {"type": "object"}}},
    "ExecutionChange": {"status": "running", "input": {}},
    "DocSearch": {"text": "a"},
    "SessionWrite": {"agent": AGENT},
    "ChatWrite": {"messages": [{"role": "user", "content": "a"}]},
    "HistoryWrite": {"entries": [{"role": "user", "content": "a"}]},
    "ResponseWrite": {"input": "a"},
    "FileWrite": {"name": "a.txt", "content": "YQ=="},
}
_MANY: dict[str, Callable[[], dict[str, Any]]] = {
    "DocWrite": lambda: {"title": uuid7(), "content": "a"},
    "DocFile": lambda: {"name": "a.txt", "content": base64.b64encode(uuid7().encode()).decode()},
}
"""Bodies of which an owner may have each once."""


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        method: In capitals.
        path: With ``{names}``.
        body: The schema of its body, where it takes one.
        raw: As in the document.
    """

    method: str
    path: str
    body: dict[str, Any] | None
    raw: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def places(self) -> dict[str, str]:
        """The names in the path, and the kind of thing that each names: the part before it."""
        parts = self.path.strip("/").split("/")
        return {part[1:-1]: parts[at - 1] for at, part in enumerate(parts) if part.startswith("{")}

    @property
    def chosen(self) -> str | None:
        """The name in the path for which the caller chooses an id."""
        return list(self.places)[-1] if self.method == "POST" and self.path.endswith("}") else None

    @property
    def takes_yaml(self) -> bool:
        return "application/yaml" in self.raw.get("requestBody", {}).get("content", {})

    @property
    def parameters(self) -> set[str]:
        return {one["name"] for one in self.raw.get("parameters", ())}

    def at(self, ids: dict[str, str]) -> str:
        """The path with ids by kind; what has none gets one that nothing has."""
        path = self.path
        for name, kind in self.places.items():
            path = path.replace(f"{{{name}}}", ids.get(kind) or uuid7())
        return path

    def good(self) -> Any:
        """A body that has the right shape; None where it takes none."""
        if self.body is None:
            return None
        name = self.body.get("$ref", "").rpartition("/")[2]
        if self.takes_yaml:
            return dict(TASK)
        if name in _MANY:
            return _MANY[name]()
        return dict(_KNOWN.get(name) or example(self.body))

    def properties(self) -> dict[str, dict[str, Any]]:
        """The schemas of its body's keys."""
        return resolved(self.body)["properties"] if self.body else {}


def operations() -> list[Operation]:
    """Every operation that takes a key, but not those that stream."""
    found: list[Operation] = []
    for path, methods in DOCUMENT["paths"].items():
        for method, raw in methods.items():
            content = raw.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            found.append(Operation(method.upper(), path, body, raw))
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that a validator can use by itself."""
    return {**schema, "components": DOCUMENT["components"]}


def example(schema: dict[str, Any]) -> Any:
    """Something small that a schema accepts."""
    schema = resolved(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {key: example(schema["properties"][key]) for key in schema.get("required", ())}
    return {"string": "a", "array": [], "integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]
