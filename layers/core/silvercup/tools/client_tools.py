"""v1's tools whose types a provider defined: a computer, a text editor, a shell. Their calls are the caller's to carry out.

``function_of`` shows them as functions that every model understands, and beside it as ``CLIENT_TOOL``, for a provider whose models were
trained on the type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from silvercup.tools.calls import object_of
from silvercup.values import JsonObject

CLIENT_TOOL = "client_tool"
"""The key of a function beside which it stands: ``{type, ...}``, the type by v1's name and what the definition sets."""

_SIZES = {"display_width_px": 1024, "display_height_px": 768}
_ACTIONS = "key type mouse_move left_click left_click_drag right_click middle_click double_click screenshot cursor_position".split()
_POINT: JsonObject = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}


def client_tool_of(tool: JsonObject) -> JsonObject | None:
    """What stands under ``CLIENT_TOOL``; None for tools of other types.

    Raises:
        ToolFailed: The definition is no object.
    """
    kind = str(tool.get("type"))
    if kind not in SEEN:
        return None
    if kind != "computer_20241022":
        return {"type": kind}
    spec = object_of(tool, kind, "tool")
    number = _whole(spec.get("display_number"))
    return {"type": kind, **_size(spec), **({"display_number": number} if number else {})}


def without_client_tool(shown: JsonObject) -> JsonObject:
    """A function without what stands beside it, for a provider that knows functions only."""
    return {key: value for key, value in shown.items() if key != CLIENT_TOOL}


def _computer(tool: JsonObject) -> tuple[str, JsonObject]:
    size = _size(object_of(tool, str(tool["type"]), "tool"))
    says = "Use a computer with a screen of {display_width_px} x {display_height_px} pixels, a mouse and a keyboard"
    return says.format_map(size), _object(
        ["action"],
        action={"type": "string", "enum": _ACTIONS, "description": "What to do"},
        text={"type": "string", "description": "What to type, or the keys to press, such as ctrl+s; for type and key"},
        coordinate={**_POINT, "description": "[x, y] in pixels from the left and the top; for mouse_move and drags"},
    )


def _text_editor(_: JsonObject) -> tuple[str, JsonObject]:
    commands = ["view", "create", "str_replace", "insert", "undo_edit"]
    return "View, create and edit text files", _object(
        ["command", "path"],
        command={"type": "string", "enum": commands, "description": "What to do"},
        path={"type": "string", "description": "Absolute path of the file or directory"},
        file_text={"type": "string", "description": "The file's text; for create"},
        old_str={"type": "string", "description": "The text to replace, which is there once; for str_replace"},
        new_str={"type": "string", "description": "The text to put there; for str_replace and insert"},
        insert_line={"type": "integer", "description": "The line after which to insert; for insert"},
        view_range={**_POINT, "description": "First and last line, from 1, -1 for the end; for view"},
    )


def _bash(_: JsonObject) -> tuple[str, JsonObject]:
    return "Run commands in a bash shell, which keeps its state between calls", _object(
        [],
        command={"type": "string", "description": "The command to run; needed unless the shell is restarted"},
        restart={"type": "boolean", "description": "Restart the shell"},
    )


def _object(required: list[str], **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _size(spec: JsonObject) -> dict[str, int]:
    return {key: _whole(spec.get(key)) or usual for key, usual in _SIZES.items()}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


SEEN: dict[str, Callable[[JsonObject], tuple[str, JsonObject]]] = {
    "computer_20241022": _computer,
    "text_editor_20241022": _text_editor,
    "bash_20241022": _bash,
}
"""By type: what it does and the schema of its arguments, in the words of a function."""
