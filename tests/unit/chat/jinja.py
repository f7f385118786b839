"""Jinja2's own sandbox, set up as v1 had it: what the templates of a chat are compared with."""

from __future__ import annotations

from typing import Any

from jinja2 import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Printed(Undefined):
    """Within a list, an undefined name is printed as the empty text that it is elsewhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "''"


ENVIRONMENT = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=Printed)
_GLOBALS: dict[str, Any] = ENVIRONMENT.globals
_GLOBALS["NEWLINE"] = "\n"

CONTEXT: dict[str, Any] = {
    "agent": {"name": "Ada", "about": "a helper", "instructions": ["be kind", "be brief"], "metadata": {"level": 3}},
    "user": {"name": "Bo", "about": "likes trains", "metadata": {"city": "Bonn", "tags": ["a", "b"]}},
    "users": [
        {"name": "Bo", "age": 30, "city": "Bonn", "active": True, "tags": ["x"]},
        {"name": "ann", "age": 25, "city": "Aachen", "active": False, "tags": []},
        {"name": "Cem", "age": 30, "city": "bonn", "active": True, "tags": ["y", "z"]},
    ],
    "tree": [{"name": "a", "children": [{"name": "b", "children": []}, {"name": "c", "children": [{"name": "d", "children": []}]}]}],
    "docs": [{"title": "T1", "content": ["one", "two"], "metadata": None}, {"title": "T2", "content": ["three"], "metadata": {}}],
    "session": {"situation": "at work", "metadata": {}},
    "settings": {"model": "m", "temperature": 0.5},
    "metadata": {"topic": "tea", "items": [1, 2, 3], "empty": ""},
    "nothing": None,
    "words": "the quick  brown fox\njumps <b>over</b> the lazy dog",
    "numbers": [3, 1, 2, 3, 10],
    "n": 7,
    "x": 2.567,
    "yes": True,
    "no": False,
}  # fmt: skip


def expected(template: str, context: dict[str, Any] | None = None) -> str:
    """What Jinja2 makes of a template."""
    return ENVIRONMENT.from_string(template).render(CONTEXT if context is None else context)
