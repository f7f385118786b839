"""Tool steps whose tools are run here: what they are called with, what their failures come to, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from silvercup.errors import Conflict, InvalidInput, ToolFailed, TransientError
from tests.support.harm import Harm, leftovers, run_harmed
from tests.support.tasks import TOOLS
from tests.support.world import TENANT, Outcome, World

FETCH: dict[str, Any] = {"tool": "fetch", "arguments": {"n": "$ input.n"}}
PROMPT: dict[str, Any] = {"prompt": "hi", "unwrap": True}
FETCH_IT = {"type": "function", "function": {"name": "fetch"}}
END = 1
PLANTED = "planted-secret-value"


def ran(main: list[Any], world: World | None = None, **task: Any) -> tuple[World, Outcome]:
    world = world or World()
    outcome = world.run(world.compile({"tools": TOOLS, "main": main, **task}), {"n": 3})
    assert list(leftovers(world, outcome.ref)) == []
    return world, outcome


def failed(*failures: Exception) -> tuple[World, Outcome]:
    world = World()
    world.tools.failures = list(failures)
    return ran([FETCH, {"log": "after"}], world)


def test_a_call_says_who_calls_what_with_what():
    world, outcome = ran([FETCH])
    (call,) = world.tools.calls
    assert (call.tenant, call.agent_id, call.session_id, call.by_model) == (TENANT, "agent", None, False)
    assert call.tool == TOOLS[1]
    assert call.arguments == {"n": 3}
    assert outcome.output == {"tool": "fetch", "got": {"n": 3}}


def test_without_arguments_a_tool_gets_the_input():
    world, _ = ran([{"evaluate": {"x": "$ 1"}}, {"tool": "fetch"}])
    assert world.tools.calls[0].arguments == {"x": 1}


@pytest.mark.parametrize(
    ("before", "what"), [("$ [1]", "a list"), ("$ None", "null"), ("$ 'text'", "str")], ids=["list", "null", "text"]
)
def test_arguments_are_an_object(before: str, what: str):
    world, outcome = ran([{"over": "$ [1]", "map": {"log": ""}, "reduce": before}, {"tool": "fetch"}])
    assert world.tools.calls == []
    hint = "; without 'arguments' they are the step's input"
    assert outcome.output == f"main[1]: The arguments of a tool must be an object, and are {what}{hint}"


def test_what_a_tool_says_is_being_executed_is_said_once():
    _, outcome = failed(ToolFailed("Error in executing brave.search: no such page"))
    assert outcome.output == "main[0]: Error in executing brave.search: no such page"


def test_a_failure_fails_the_step_and_is_not_tried_again():
    world, outcome = failed(ToolFailed("no such page"))
    assert (outcome.status, outcome.output) == ("failed", "main[0]: Error in executing fetch: no such page")
    assert [shown["type"] for shown in outcome.transitions] == ["init", "error"]
    assert len(world.tools.calls) == 1


def test_what_may_work_later_is_tried_again_as_it_was_written_down():
    world, outcome = failed(TransientError("slow"), TransientError("slow"))
    assert outcome.status == "succeeded"
    assert len({(call.made_id, str(call.arguments)) for call in world.tools.calls}) == 1
    assert len(world.tools.calls) == 3


@pytest.mark.parametrize("effects", [1, 5, 30])
def test_a_straight_line_costs_what_the_compiler_says(effects: int):
    world, outcome = ran([{"set": {"a": "$ 1"}}, FETCH] * effects)
    assert outcome.status == "succeeded"
    report = world.compile({"tools": TOOLS, "main": [{"set": {"a": "$ 1"}}, FETCH] * effects}).report
    (execution,) = world.machines.executions.values()
    assert (execution.entered, execution.invocations) == (report.max_transitions, report.max_invocations)
    assert report.max_transitions <= effects + 3
    assert report.max_invocations <= effects + 1


def test_a_call_after_a_prompt_is_made_in_its_invocation():
    world, outcome = ran([PROMPT, FETCH, PROMPT, {"tool": "find", "arguments": {}}])
    assert outcome.status == "succeeded"
    (execution,) = world.machines.executions.values()
    assert (execution.entered, execution.invocations) == (1 + END, 1)


def test_a_call_costs_the_same_wherever_it_stands():
    def requests(steps: int) -> list[str]:
        harm = Harm()
        run_harmed({"tools": TOOLS, "main": [FETCH] * steps}, {"n": 3}, [{}], harm)
        return harm.calls or []

    each = len(requests(6)) - len(requests(5))
    assert each <= 4
    assert len(requests(61)) - len(requests(60)) == each


def test_a_tool_is_called_as_it_is_defined_and_the_runner_puts_its_secrets_in():
    tool: dict[str, Any] = {
        "name": "fetch",
        "type": "api_call",
        "api_call": {"method": "GET", "url": "https://example.com/{n}", "headers": {"X": "$ secrets.TOKEN"}},
    }
    world, outcome = ran([FETCH], tools=[tool])
    assert outcome.status == "succeeded"
    assert world.tools.calls[0].tool == tool
    assert world.tools.calls[0].may_use_secrets


def talked(text: str, answers: Sequence[Any] = (), **step: Any) -> tuple[World, Outcome]:
    world = World()
    main = [{"set": {"a": "$ 1"}}, {"prompt": text, "auto_run_tools": True, **step}]
    outcome = world.run(world.compile({"tools": TOOLS, "main": main}), {"n": 3}, answers)
    assert list(leftovers(world, outcome.ref)) == []
    return world, outcome


def said(outcome: Outcome) -> list[tuple[str, Any]]:
    """The results of calls, in the order of the messages."""
    return [(m["tool_call_id"], m["content"]) for m in outcome.output["messages"] if m["role"] == "tool"]


def test_a_prompt_with_tools_is_asked_until_it_has_answered():
    world, outcome = talked("call fetch, find; fetch")
    assert [m["role"] for m in outcome.output["messages"]] == [
        *("user", "assistant", "tool", "tool", "assistant", "tool", "assistant")
    ]
    assert len({call.made_id for call in world.tools.calls}) == 3
    assert all(call.by_model for call in world.tools.calls)
    assert outcome.output["usage"]["completion_tokens"] == 2 + len(world.models.asked[-1]) + 6
    assert [shown["type"] for shown in outcome.transitions] == ["init", "step", "finish"]
    (execution,) = world.machines.executions.values()
    report = world.compile({"tools": TOOLS, "main": [{"prompt": "x", "auto_run_tools": True}]}).report
    assert (
        (execution.entered, execution.invocations) == (report.max_transitions, report.max_invocations) == (3 + END, 1)
    )


def test_what_goes_wrong_with_a_call_is_told_to_the_model():
    world = World()
    world.tools.failures = [ToolFailed("no such page")]
    main = [{"prompt": "call fetch; nobody; fetch", "auto_run_tools": True}]
    outcome = world.run(world.compile({"tools": TOOLS, "main": main}))
    nobody = '{"error":"Tool \'nobody\' not found; there are: ask, fetch, find"}'
    assert said(outcome)[:2] == [("c0.0", '{"error":"no such page"}'), ("c1.0", nobody)]
    assert outcome.status == "succeeded"


def test_a_call_that_may_work_later_is_made_again_and_its_neighbour_is_not():
    world = World()
    world.tools.failures = [None, TransientError("slow")]
    main = [{"prompt": "call fetch; find, fetch", "auto_run_tools": True, "unwrap": True}]
    outcome = world.run(world.compile({"tools": TOOLS, "main": main}))
    assert outcome.status == "succeeded"
    assert len(world.tools.calls) == 4
    assert len({call.made_id for call in world.tools.calls}) == 3
    assert len(world.models.asked) == 3


def test_a_model_has_to_answer_in_the_end():
    world, outcome = talked("call " + ";".join(["fetch"] * 40), unwrap=True)
    assert outcome.output.startswith("Echo: ")
    assert [choice for _, choice in world.models.given] == [None] * 25 + ["none"]
    assert len(world.tools.calls) == 25


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("required", ["required", None, None]),
        ("none", ["none"]),
        ("auto", ["auto", None, None]),
        (FETCH_IT, [FETCH_IT, None, None]),
    ],
    ids=["required", "none", "auto", "one"],
)
def test_a_tool_that_has_to_be_called_has_to_be_called_once(choice: Any, told: list[Any]):
    world, outcome = talked("call fetch; fetch", tool_choice=choice)
    assert outcome.status == "succeeded", outcome.output
    assert [choice for _, choice in world.models.given] == told


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (
            "$ {'function': {'name': 'nobody'}}",
            "tool_choice names 'nobody', which is none of this prompt's tools: ask, fetch, find",
        ),
        ("$ 'maybe'", "tool_choice is 'maybe'; it is auto, none, required, or a function by its name"),
    ],
)
def test_a_choice_that_no_tool_can_follow_fails_the_step(choice: str, words: str):
    world, outcome = talked("call fetch", tool_choice=choice)
    assert words in outcome.output
    assert world.models.asked == []


def test_calls_of_functions_are_answered_together():
    world, outcome = talked("call ask, ask, fetch", [{"c0.0": "one", "c0.1": {"n": 2}}])
    assert [content for _, content in said(outcome)[:2]] == ["one", '{"n":2}']
    assert [call.tool["name"] for call in world.tools.calls] == ["fetch"]
    wait = outcome.transitions[2]
    assert (wait["type"], [call["id"] for call in wait["output"]]) == ("wait", ["c0.0", "c0.1"])


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ({"c0.1": 2}, ["input.c0.0"]),
        ({"x": 1}, ["input.c0.0", "input.c0.1", "input.x"]),
        ("yes", ["input.c0.0", "input.c0.1"]),
        ({"c0.0": 1, "c0.1": 2, "c0.2": 3}, ["input.c0.2"]),
    ],
)
def test_an_answer_that_is_not_of_these_calls_is_refused_and_nothing_is_lost(answer: Any, wrong: list[str]):
    world = World()
    ref = world.start(
        world.compile({"tools": TOOLS, "main": [{"prompt": "call ask, ask", "auto_run_tools": True}]}), {}
    )
    world.machines.settle()
    executions = world.container.executions
    (wait,) = executions.get(TENANT, ref.id)["waits"]
    with pytest.raises(InvalidInput, match="2 calls of tools are waited for") as refused:
        executions.resume_by_token(wait["task_token"], answer)
    assert [problem.loc for problem in refused.value.details] == wrong
    right = {"c0.0": 1, "c0.1": 2}
    for _ in range(2):
        executions.resume_by_token(wait["task_token"], right)
    assert world.finish(ref).status == "succeeded"
    with pytest.raises(Conflict):
        executions.resume_by_token(wait["task_token"], answer)


@pytest.mark.parametrize("answer", [{"x": 1}, {"c0.0": {"x": 1}}])
def test_one_call_may_be_answered_with_its_result(answer: Any):
    _, outcome = talked("call ask", [answer])
    assert said(outcome) == [("c0.0", '{"x":1}')]


def test_two_waits_of_one_step_have_a_resume_between_them():
    _, outcome = talked("call ask; fetch; ask", [{"x": 1}, {"y": 2}])
    types = [(shown["type"], shown["output"]) for shown in outcome.transitions[2:5]]
    assert [type_ for type_, _ in types] == ["wait", "resume", "wait"]
    assert types[1][1] == {"x": 1}
    assert [shown["type"] for shown in outcome.transitions[5:]] == ["finish"]


def test_without_auto_run_tools_the_calls_are_the_output():
    world = World()
    main = [{"prompt": "call ask, find", "tools": ["ask", "find"], "tool_choice": "required"}, {"log": "after"}]
    outcome = world.run(world.compile({"tools": TOOLS, "main": main}))
    assert outcome.output["choices"][0]["finish_reason"] == "tool_calls"
    assert world.models.given == [(["ask", "find"], "required")]
    assert world.tools.calls == []


def test_a_prompt_may_have_tools_of_its_own():
    own = {"name": "own", "type": "api_call", "api_call": {"method": "GET", "url": "https://own.example"}}
    world, outcome = talked("call own, fetch", tools=[own])
    assert [call.tool for call in world.tools.calls] == [own]
    assert "not found; there are: own" in said(outcome)[1][1]


def test_a_tool_that_can_not_be_shown_fails_the_step():
    tool = {"name": "fly", "type": "integration", "integration": {"provider": "nobody"}}
    _, outcome = ran([{"prompt": "x", "auto_run_tools": True}], tools=[tool])
    assert outcome.output.startswith("main[0]: The model can't be given the tool fly: ")


@pytest.mark.parametrize("talk", ["hi", "call fetch, find; fetch"])
def test_in_rounds_of_their_own_a_history_is_as_long_as_was_planned(talk: str, monkeypatch: pytest.MonkeyPatch):
    from silvercup.runtime import talk as module

    monkeypatch.setattr(module, "TALK_SECONDS", -1.0)
    world, outcome = talked(talk)
    assert outcome.status == "succeeded"
    rounds = talk.count(";") + 1 if talk.startswith("call") else 0
    (execution,) = world.machines.executions.values()
    assert execution.invocations == 2 * rounds + 1


def test_metadata_of_the_agent_and_the_task_changes_tools():
    world = World()
    agent = {
        "id": "agent",
        "metadata": {"x-api_call-args": {"get": {"n": 1}}, "x-api_call-setup": {"get": {"headers": {"A": "1"}}}},
    }
    world.tables.put("core", {"pk": f"{TENANT}#agent#agent", "id": "agent", "body": json.dumps(agent)})
    get: dict[str, Any] = {
        "name": "get",
        "type": "api_call",
        "api_call": {"method": "GET", "url": "https://example.com"},
    }
    main = [{"tool": "get", "arguments": {"n": 2}}, {"prompt": "call get", "tools": ["get"], "auto_run_tools": True}]
    world.run(world.compile({"tools": [get], "main": main}, agent_id="agent"))
    changed = {**get["api_call"], "headers": {"A": "1"}, "arguments": {"n": 1}}
    assert [call.tool["api_call"] for call in world.tools.calls] == [changed, changed]


@pytest.mark.parametrize(
    "step",
    [{"tool": "get", "arguments": {}}, {"prompt": "call get", "tools": ["get"], "auto_run_tools": True}],
    ids=["tool", "prompt"],
)
def test_metadata_of_another_shape_fails_the_step(step: dict[str, Any]):
    world = World()
    agent = {"id": "agent", "metadata": {"x-api_call-args": "all"}}
    world.tables.put("core", {"pk": f"{TENANT}#agent#agent", "id": "agent", "body": json.dumps(agent)})
    get: dict[str, Any] = {
        "name": "get",
        "type": "api_call",
        "api_call": {"method": "GET", "url": "https://example.com"},
    }
    outcome = world.run(world.compile({"tools": [get], "main": [step]}, agent_id="agent"))
    assert outcome.status == "failed"
    assert "agent.metadata.x-api_call-args must be an object, by the names of tools" in outcome.output
    assert world.tools.calls == []
