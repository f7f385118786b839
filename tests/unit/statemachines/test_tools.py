"""What the compiler reads in a tool's definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from silvercup.errors import InvalidTask, Problem
from silvercup.tools.system.run import OPERATIONS
from statemachines import Context, Source, compile_task
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


class Check:
    """Has something against every tool, and keeps those that it was asked about."""

    def __init__(self, *locs: str) -> None:
        self.asked: list[Any] = []
        self._locs = locs

    def __call__(self, tool: Mapping[str, Any]) -> list[Problem]:
        self.asked.append(tool.get("name"))
        return [Problem(loc, "is wrong", hint="Mend it") for loc in self._locs]


def call(name: str, **spec: Any) -> dict[str, Any]:
    return {"name": name, "type": "api_call", "api_call": {"method": "GET", **spec}}


def problems(task: dict[str, Any], check: Check, agent_tools: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidTask) as refused:
        compile_task(Source({"name": "x", **task}), Context(agent_tools=agent_tools, check_tool=check))
    return [(problem.loc, problem.msg) for problem in refused.value.details]


def test_tools_of_a_task_and_of_its_prompts_are_asked_about_and_not_those_of_its_agent():
    check = Check("api_call.url")
    task = {
        "tools": [call("first"), {"type": "function"}],
        "inherit_tools": True,
        "main": [{"prompt": "Hi", "tools": ["first", "agents", call("inner")]}],
    }
    assert problems(task, check, {"agents": call("agents")}) == [
        ("tools[0].api_call.url", "is wrong"),
        ("tools[1].name", "is missing"),
        ("tools[1].api_call.url", "is wrong"),
        ("main[0].tools[2].api_call.url", "is wrong"),
    ]
    assert check.asked == ["first", None, "inner"]


def test_what_is_wrong_with_an_expression_is_told_once():
    check = Check("api_call.url", "api_call.headers.a")
    task = {"tools": [call("first", url="$ 1 +", headers={"a": "b"})], "main": [{"log": "x"}]}
    found = problems(task, check, {})
    assert [loc for loc, _ in found] == ["tools[0].api_call.url", "tools[0].api_call.headers.a"]
    assert "syntax error" in found[0][1]
