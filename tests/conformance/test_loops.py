"""Loops, branches and recursion through the official client: shapes, names, several waits at once."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest
from julep import BadRequestError, ConflictError, Julep
from julep.types import Agent

from tests.conformance.tasks import create, error_of, until

LOOPS: dict[str, Any] = {
    "name": "Loops",
    "main": [
        {"foreach": {"in": "$ _.names", "do": {"evaluate": {"hello": "$ 'hello ' + _"}}}},
        {"over": "$ _", "map": {"prompt": "$ _.hello", "unwrap": True}, "parallelism": 2},
        {"over": "$ _", "map": {"evaluate": {"n": "$ len(_)"}}, "reduce": "$ results + _.n", "initial": 0},
        {"evaluate": {"total": "$ _", "first": "$ steps[0].output[0].hello"}},
    ],
}
ASKING: dict[str, Any] = {
    "name": "Asking",
    "main": [
        {
            "parallel": [
                {"over": "$ ['a', 'b']", "map": {"wait_for_input": {"info": {"about": "$ _"}}}},
                {"wait_for_input": {"info": {"about": "c"}}},
            ]
        },
        {"evaluate": {"heard": "$ [[x.text for x in _[0]], _[1].text]"}},
    ],
}
POLLING: dict[str, Any] = {
    "name": "Polling",
    "main": [{"workflow": "poll", "arguments": {"left": "$ _.n"}}, {"evaluate": {"end": "$ _"}}],
    "poll": [
        {
            "if": "$ _.left > 0",
            "then": [{"sleep": {"seconds": 1}}, {"workflow": "poll", "arguments": {"left": "$ inputs[0].left - 1"}}],
            "else": {"evaluate": {"done": "$ True"}},
        }
    ],
}


def beyond_v1(raw: httpx.Client, agent: Agent, definition: dict[str, Any]) -> str:
    """Create a task with what v1's types don't know: lists as bodies, every step in every other."""
    answer = raw.post(f"/agents/{agent.id}/tasks", json=definition)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_loops(client: Julep, raw: httpx.Client, agent: Agent):
    task_id = create(client, agent.id, LOOPS)
    assert len(client.tasks.get(task_id).main) == 4
    shown = raw.get(f"/tasks/{task_id}").json()["main"]
    assert [step["kind_"] for step in shown] == ["foreach", "map_reduce", "map_reduce", "evaluate"]
    assert (shown[0]["foreach"]["do"]["kind_"], shown[1]["map"]["kind_"]) == ("evaluate", "prompt")
    execution = client.executions.create(task_id, input={"names": ["Ada", "Bea", "Cyd"]})
    ended = until(client, execution.id, "succeeded")
    assert isinstance(ended.output, dict)
    assert ended.output["first"] == "hello Ada"
    assert ended.output["total"] > 0
    log = client.executions.transitions.list(execution.id, direction="asc").items
    assert len(log) == ended.transition_count
    names = {one.current.workflow for one in log}
    assert {
        "`main`[0].foreach[0]",
        "`main`[0].foreach[2]",
        "PAR:`main`[1].mapreduce[0][1]",
        "PAR:`main`[1].mapreduce[1][0]",
    } <= names
    assert {"PAR:`main`[2].mapreduce[0][2]"} <= names
    assert [one.type for one in log].count("init_branch") == [one.type for one in log].count("finish_branch") == 9


def test_several_waits_at_once(client: Julep, raw: httpx.Client, agent: Agent):
    execution = client.executions.create(beyond_v1(raw, agent, ASKING), input={})
    waits: dict[str, Any] = {}
    while len(waits) < 3:
        shown = until(client, execution.id, "awaiting_input", "running", "starting", "queued").model_extra or {}
        waits = {wait["info"]["about"]: wait for wait in shown["waits"]}
    with pytest.raises(ConflictError) as told:
        client.executions.change_status(execution.id, status="running", input={"text": "?"})
    assert "transition_id" in error_of(told.value)["message"]
    client.executions.change_status(
        execution.id,
        status="running",
        input={"text": "B"},
        extra_body={"transition_id": waits["b"]["transition_id"]},
    )
    for about in "ac":
        client.post(
            "/executions",
            cast_to=object,
            body={"status": "running", "input": {"text": about.upper()}},
            options={"params": {"task_token": waits[about]["task_token"]}},
        )
    assert until(client, execution.id, "succeeded").output == {"heard": [["A", "B"], "C"]}


def test_a_poll_that_calls_itself(client: Julep, agent: Agent):
    execution = client.executions.create(create(client, agent.id, POLLING), input={"n": 2})
    ended = until(client, execution.id, "succeeded")
    assert ended.output == {"end": {"done": True}}
    log = client.executions.transitions.list(execution.id, direction="asc").items
    found = [cast("dict[str, Any]", one.metadata or {}) for one in log if one.current.workflow == "main"]
    assert [one for one in found if "tail_calls" in one] == [{"step_type": "YieldStep", "tail_calls": 2}]


def test_an_item_that_fails_says_which(client: Julep, raw: httpx.Client, agent: Agent):
    main = [
        {
            "over": "$ [1, 0]",
            "map": [{"prompt": "x"}, {"evaluate": {"x": "$ 1 / len(inputs[0].none)"}}],
            "parallelism": 1,
        }
    ]
    execution = client.executions.create(beyond_v1(raw, agent, {"name": "Fails", "main": main}), input={"none": []})
    failed = until(client, execution.id, "failed")
    assert failed.error
    assert failed.error.startswith("In item 0 of main[0]: main[0].map[1]: ")


@pytest.mark.parametrize(
    ("step", "loc"),
    [
        ({"over": "$ _.x", "map": {"log": "x"}, "parallelism": 0}, "main[0].parallelism"),
        ({"over": "$ _.x", "map": {"log": "x"}, "parallelism": 1000}, "main[0].parallelism"),
        ({"over": "items", "map": {"log": "x"}}, "main[0].over"),
        ({"foreach": {"in": 5, "do": {"log": "x"}}}, "main[0].foreach.in"),
        ({"parallel": []}, "main[0].parallel"),
        ({"map": {"log": "x"}}, "main[0].over"),
    ],
)
def test_wrong_loops_are_refused(client: Julep, agent: Agent, step: dict[str, Any], loc: str):
    with pytest.raises(BadRequestError) as told:
        client.tasks.create(agent.id, name="Wrong", main=[step])  # type: ignore[list-item]
    assert loc in [detail["loc"] for detail in error_of(told.value)["details"]]
