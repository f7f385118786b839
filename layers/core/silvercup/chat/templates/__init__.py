"""Templates of messages: Jinja2's language, run where it can't take long, take much memory, or reach beyond its values.

The text of a template comes from whoever writes to an agent, so it is hostile until shown otherwise. Jinja2 reads it; what
it means is worked out node by node with the values, functions and limits of the language of expressions, so that no Python
is made of it. Nothing of Jinja2 is imported before the first text with a brace in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from silvercup.chat.templates.budget import MARKS, Budget, Limits
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.chat.templates.engine import Engine

__all__ = ["Budget", "Limits", "check", "render", "render_message"]

_NEVER: Final = frozenset("role type id tool_call_id tool_calls detail".split())
"""The fields of a message that are no text of its author."""
_DATA_URL: Final = "data:"


def render(template: str, context: Mapping[str, Any], *, where: str = "template", budget: Budget | None = None) -> str:
    """The text that a template makes.

    Args:
        template: Jinja2, as v1 had it: ``trim_blocks``, ``lstrip_blocks``, no autoescape, no loader.
        context: Its variables: JSON values, which are never changed.
        where: The field it stands in, for messages.
        budget: What it may use; its own by default. Give several templates of a request the same.

    Raises:
        InvalidRequest: It is no template, uses something undefined, fails, or goes over a limit; says the line and what to do.
    """
    if not has_marks(template):
        return template
    return _engine().render(template, context, where, Budget() if budget is None else budget)


def check(template: str, *, where: str = "template") -> None:
    """Refuse a template that can't be rendered, whatever its context.

    Raises:
        InvalidRequest: It is no template, or too large; says the line and what to do.
    """
    if has_marks(template):
        _engine().check(template, where, Budget())


def render_message(
    message: JsonObject, context: Mapping[str, Any], *, where: str = "message", budget: Budget | None = None
) -> JsonObject:
    """A message with every text of its author rendered: its content, the parts of it, and what they hold.

    Its role, ids, types, tool calls and data URLs stay as they are. A message without templates is returned itself.

    Args:
        message: A message of a chat, of any role.
        context: The variables.
        where: The field it stands in, for messages.
        budget: What it may use in all; its own by default.

    Raises:
        InvalidRequest: As ``render``; the problem's ``loc`` says which text.
    """
    return _rendered(message, context, where, Budget() if budget is None else budget)


def has_marks(text: str) -> bool:
    """Whether there is anything in a text for a template engine to see."""
    return any(mark in text for mark in MARKS)


def _rendered(value: Any, context: Mapping[str, Any], where: str, budget: Budget) -> Any:
    if isinstance(value, str):
        return value if value.startswith(_DATA_URL) else render(value, context, where=where, budget=budget)
    if isinstance(value, dict):
        pairs = cast("JsonObject", value)
        made = {
            key: item if key in _NEVER else _rendered(item, context, f"{where}.{key}", budget)
            for key, item in pairs.items()
        }
        return made if any(made[key] is not item for key, item in pairs.items()) else pairs
    if isinstance(value, list):
        items = cast("list[Any]", value)
        new = [_rendered(item, context, f"{where}[{index}]", budget) for index, item in enumerate(items)]
        return new if any(old is not item for old, item in zip(items, new, strict=True)) else items
    return value


@cache
def _engine() -> Engine:
    from silvercup.chat.templates.engine import Engine

    return Engine()
