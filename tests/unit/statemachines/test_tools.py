"""What the compiler reads in a tool's definition."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.tools.system.run import OPERATIONS
from statemachines.tools import needs_model


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
