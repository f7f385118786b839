"""Tools as Anthropic's models take them: functions, and its own types for computers, editors and shells. No SDK is needed for it.

v1 knew these types by their first version only. A model takes the versions of its generation, under names that the API fixes:

| models | computer | text editor | shell |
|---|---|---|---|
| 3.5 Sonnet (October) | computer_20241022 | text_editor_20241022 | bash_20241022 |
| 3.7 | computer_20250124 | text_editor_20250124 | bash_20250124 |
| 4, 4.1, Sonnet 4.5, Haiku 4.5 | computer_20250124 | text_editor_20250728 | bash_20250124 |
| Opus 4.5, 4.6 to 4.8, 5 | computer_20251124 | text_editor_20250728 | bash_20250124 |
| 5.5 | a function | text_editor_20250728 | bash_20250124 |
| others | a function | a function | a function |

From 5.5 on the API has a set of functions with names of their own in place of the computer, whose calls are not those of v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast

from silvercup.tools.client_tools import CLIENT_TOOL
from silvercup.values import JsonObject

BETA = "anthropic-beta"
"""The header that names what of a beta is used, with commas between."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A type of the API: its version, the name that its tool must have, and the beta it belongs to."""

    type: str
    name: str
    beta: str | None = None


_OLD_BETA = "computer-use-2024-10-22"
_COMPUTER_1 = _Own("computer_20241022", "computer", _OLD_BETA)
_COMPUTER_2 = _Own("computer_20250124", "computer", "computer-use-2025-01-24")
_COMPUTER_3 = _Own("computer_20251124", "computer", "computer-use-2025-11-24")
_EDITOR_1 = _Own("text_editor_20241022", "str_replace_editor", _OLD_BETA)
_EDITOR_2 = _Own("text_editor_20250124", "str_replace_editor")
_EDITOR_3 = _Own("text_editor_20250728", "str_replace_based_edit_tool")
_BASH_1 = _Own("bash_20241022", "bash", _OLD_BETA)
_BASH_2 = _Own("bash_20250124", "bash")

_TYPES: tuple[tuple[str, _Own | None, _Own, _Own], ...] = (
    # A pattern of names, computer, text editor, shell; the first match counts. From the provider's pages of its tools and its SDK.
    ("claude-3-5-sonnet-20241022*", _COMPUTER_1, _EDITOR_1, _BASH_1),
    ("claude-3-5-sonnet-latest", _COMPUTER_1, _EDITOR_1, _BASH_1),
    ("claude-3-7-*", _COMPUTER_2, _EDITOR_2, _BASH_2),
    ("claude-*-5-5*", None, _EDITOR_3, _BASH_2),
    ("claude-opus-4-[5678]*", _COMPUTER_3, _EDITOR_3, _BASH_2),
    ("claude-sonnet-4-6*", _COMPUTER_3, _EDITOR_3, _BASH_2),
    ("claude-opus-5", _COMPUTER_3, _EDITOR_3, _BASH_2),
    ("claude-sonnet-5", _COMPUTER_3, _EDITOR_3, _BASH_2),
    ("claude-opus-4-[012]*", _COMPUTER_2, _EDITOR_3, _BASH_2),
    ("claude-sonnet-4-[025]*", _COMPUTER_2, _EDITOR_3, _BASH_2),
    ("claude-haiku-4-5*", _COMPUTER_2, _EDITOR_3, _BASH_2),
)


@dataclass(frozen=True, slots=True)
class Tools:
    """Tools as the Messages API takes them.

    Attributes:
        shown: In the API's form.
        names: The names of those that the API calls otherwise than the request does: ours to the API's.
        betas: What of betas is used, in order, once each.
    """

    shown: list[JsonObject] = field(default_factory=list[JsonObject])
    names: dict[str, str] = field(default_factory=dict[str, str])
    betas: list[str] = field(default_factory=list[str])


def convert_tools(tools: Sequence[JsonObject], model: str) -> Tools:
    """Tools for a model; a tool in the API's own form stays as it is.

    A tool of one of the API's own types becomes a function where the model does not take the type, or where another tool has the name
    that the API fixes for it.
    """
    taken = [str(_function(tool).get("name") or tool.get("name")) for tool in tools]
    made = Tools()
    for tool, name in zip(tools, taken, strict=True):
        own = _own(tool, model)
        if own is None or (own.name != name and own.name in taken) or own.name in made.names.values():
            made.shown.append(_shown(tool))
            continue
        settings = {key: value for key, value in tool[CLIENT_TOOL].items() if key != "type"}
        made.shown.append({"type": own.type, "name": own.name, **settings})
        if own.name != name:
            made.names[name] = own.name
        if own.beta and own.beta not in made.betas:
            made.betas.append(own.beta)
    return made


def renamed(messages: Sequence[JsonObject], names: dict[str, str]) -> list[JsonObject]:
    """Messages of the API whose calls bear the API's names."""

    def block(given: JsonObject) -> JsonObject:
        new = names.get(given.get("name", "")) if given["type"] == "tool_use" else None
        return given if new is None else {**given, "name": new}

    return [{**message, "content": [block(each) for each in message["content"]]} for message in messages]


def _own(tool: JsonObject, model: str) -> _Own | None:
    kind: Any = cast("JsonObject", tool.get(CLIENT_TOOL) or {}).get("type")
    for pattern, computer, editor, bash in _TYPES:
        if fnmatchcase(model, pattern):
            types = {"computer_20241022": computer, "text_editor_20241022": editor, "bash_20241022": bash}
            return types.get(kind)
    return None


def _function(tool: JsonObject) -> JsonObject:
    function: Any = tool.get("function")
    return cast("JsonObject", function) if isinstance(function, dict) else {}


def _shown(tool: JsonObject) -> JsonObject:
    spec = _function(tool)
    if not spec:
        return tool
    made: JsonObject = {"name": spec.get("name"), "input_schema": {"type": "object", **(spec.get("parameters") or {})}}
    if spec.get("description"):
        made["description"] = spec["description"]
    return made
