"""Templates of messages: Jinja2's language, run where it can't take long, take much memory, or reach beyond its values.

The text of a template comes from whoever writes to an agent, so it is hostile until shown otherwise. Jinja2 reads it; what
it means is worked out node by node with the values, functions and limits of the language of expressions, so that no Python
is made of it. Neither is imported before the first text with a template in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from silvercup.chat.templates.marks import has_marks
from silvercup.errors import InvalidRequest, Problem
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.chat.templates.budget import Budget, Limits
    from silvercup.chat.templates.engine import Engine

__all__ = ["Budget", "Limits", "check", "render", "render_message"]

_NEVER: Final = frozenset("role type id tool_call_id tool_calls detail".split())
"""The fields of a message that are no text of its author."""
_DATA_URL: Final = "data:"
_MAX_DEPTH: Final = 50


def render(template: str, context: Mapping[str, Any], *, where: str = "template", budget: Budget | None = None) -> str:
    """The text that a template makes.

    Args:
        template: Jinja2, as v1 had it: ``trim_blocks``, ``lstrip_blocks``, no autoescape, no loader. A text without
            ``{{``, ``{%`` and ``{#`` is answered as it is.
        context: Its variables: JSON values, which are never changed.
        where: The field it stands in, for messages.
        budget: What it may use; its own by default. Give several templates of a request the same.

    Raises:
        InvalidRequest: It is no template, uses something undefined, fails, or goes over a limit; says the line and what to do.
    """
    return _engine().render(template, context, where, budget) if has_marks(template) else template


def check(template: str, *, where: str = "template") -> None:
    """Refuse a template that can't be rendered, whatever its context.

    Raises:
        InvalidRequest: It is no template, or too large; says the line and what to do.
    """
    if has_marks(template):
        _engine().check(template, where)


def render_message(
    message: JsonObject, context: Mapping[str, Any], *, where: str = "message", budget: Budget | None = None
) -> JsonObject:
    """A message with every text of its author rendered: its content, the parts of it, and what they hold.

    Its role, ids, types, tool calls and data URLs stay as they are. A message without templates is returned itself; no
    message is changed.

    Args:
        message: A message of a chat, of any role.
        context: The variables.
        where: The field it stands in, for messages.
        budget: What it may use in all; its own by default.

    Raises:
        InvalidRequest: As ``render``, the problem's ``loc`` says which text; or it is nested over 50 levels deep.
    """
    if not _has_templates(message, where):
        return message
    return _rendered(message, context, where, _new_budget() if budget is None else budget)


def _has_templates(value: Any, where: str, depth: int = 0) -> bool:
    if isinstance(value, str):
        return has_marks(value) and not value.startswith(_DATA_URL)
    if depth > _MAX_DEPTH:
        raise InvalidRequest("The message is nested too deeply", [Problem(loc=where, msg=f"over {_MAX_DEPTH} levels")])
    if isinstance(value, dict):
        pairs = cast("JsonObject", value).items()
        return any(_has_templates(item, where, depth + 1) for key, item in pairs if key not in _NEVER)
    return isinstance(value, list) and any(_has_templates(item, where, depth + 1) for item in cast("list[Any]", value))


def _rendered(value: Any, context: Mapping[str, Any], where: str, budget: Budget) -> Any:
    if not _has_templates(value, where):
        return value
    if isinstance(value, str):
        return render(value, context, where=where, budget=budget)
    if isinstance(value, dict):
        return {
            key: item if key in _NEVER else _rendered(item, context, f"{where}.{key}", budget)
            for key, item in cast("JsonObject", value).items()
        }
    items = cast("list[Any]", value)
    return [_rendered(item, context, f"{where}[{index}]", budget) for index, item in enumerate(items)]


def _new_budget() -> Budget:
    from silvercup.chat.templates.budget import Budget

    return Budget()


@cache
def _engine() -> Engine:
    from silvercup.chat.templates.engine import Engine

    return Engine()


def __getattr__(name: str) -> Any:
    """``Budget`` and ``Limits``, imported when first asked for."""
    if name not in {"Budget", "Limits"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from silvercup.chat.templates import budget

    return getattr(budget, name)
