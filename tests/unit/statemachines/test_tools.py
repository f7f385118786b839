"""What the compiler reads in a tool's definition."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.tools.system.run import OPERATIONS
from statemachines.tools import needs_model, secrets_of


def system(name: str) -> dict[str, Any]:
    resource, _, operation = name.partition(".")
    owner, _, inner = resource.partition("/")
    spec = {"resource": owner, "operation": operation} | ({"subresource": inner} if inner else {})
    return {"name": "x", "type": "system", "system": spec}


def test_operations_that_search_embed_or_chat_run_where_models_do():
    found = {name for name in OPERATIONS if needs_model(system(name))}
    assert found == {name for name in OPERATIONS if name.endswith((".search", ".embed", ".chat"))}
    assert len(found) >= 5


@pytest.mark.parametrize("tool", [{"type": "system"}, {"type": "system", "system": "x"}, {"type": "api_call"}, {}])
def test_what_is_no_such_tool_needs_no_model(tool: dict[str, Any]):
    assert not needs_model(tool)
    assert secrets_of(tool) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$ secrets.TOKEN", ("TOKEN",)),
        ("$ secrets['A'] + secrets.B + secrets.get('C', '')", ("A", "B", "C")),
        ("Bearer {secrets.TOKEN}", ("TOKEN",)),
        ("{{secrets.TOKEN}}", ("TOKEN",)),
        ("$ f'Bearer {secrets.TOKEN}'", ("TOKEN",)),
        ("$ 'a' + str(secrets.A).upper()", ("A",)),
        ("the secrets.TOKEN of https://example.com/{id}", ()),
        ("$ 1 +", ()),
        ("_", ()),
    ],
)
def test_the_names_of_secrets_are_found(text: str, names: tuple[str, ...]):
    for spec in ({"url": text}, {"headers": {"a": ["b", {"c": text}]}}):
        assert secrets_of({"name": "x", "type": "api_call", "api_call": spec}) == names
    assert secrets_of({"name": "x", "type": "function", "function": {"description": text}}) == ()
