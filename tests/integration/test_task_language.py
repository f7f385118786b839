"""The corpus on the real local stack: the same transitions, output and history as in memory."""

from __future__ import annotations

from typing import Any

import pytest

from local.stack import Stack
from silvercup.settings import DEFAULT_TENANT
from tests.support.corpus import CASES
from tests.support.local import execution_item
from tests.support.runs import FINAL, Api, wait_until
from tests.support.world import Outcome, World, all_transitions

MAX_EVENTS = 20_000


@pytest.fixture(scope="module")
def agent_id(api: Api) -> str:
    return api.agent()


def run(stack: Stack, api: Api, agent_id: str, task: dict[str, Any], value: Any, answers: dict[Any, Any]) -> Outcome:
    task_id = api.task(agent_id, task)
    executions = stack.container.executions
    execution_id = api.call("POST", f"/tasks/{task_id}/executions", {"input": value})["id"]
    answered: set[str] = set()

    def ended() -> bool:
        if execution_item(stack, execution_id)["status"] in FINAL:
            return True
        for wait in executions.get(DEFAULT_TENANT, execution_id)["waits"]:
            if wait["transition_id"] not in answered:
                answered.add(wait["transition_id"])
                body = {"status": "running", "input": answers[wait["info"]["q"]]}
                api.call("POST", f"/executions?task_token={wait['task_token']}", body)
        return False

    wait_until(ended, f"the end of {execution_id}", 120)
    shown = executions.get(DEFAULT_TENANT, execution_id)
    return Outcome(execution_id, shown, all_transitions(executions, execution_id))


def histories(stack: Stack, execution_id: str) -> list[int]:
    """How many events the root and each child wrote."""
    root = stack.container.launcher.run_of(execution_item(stack, execution_id)).arn
    client = stack.container.clients.get("stepfunctions")
    machine = root.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    found = client.list_executions(stateMachineArn=machine, maxResults=1000)["executions"]
    arns = [one["executionArn"] for one in found if execution_id in one["executionArn"]]
    wait_until(lambda: all(stack.container.machines.status(arn) != "RUNNING" for arn in arns), "the machines' ends")
    return [len(client.get_execution_history(executionArn=arn, maxResults=1000)["events"]) for arn in arns]


@pytest.mark.parametrize("name", CASES)
def test_the_local_stack_does_what_the_world_in_memory_does(stack: Stack, api: Api, agent_id: str, name: str):
    case = CASES[name]
    found = run(stack, api, agent_id, case.task, case.value, case.answers)
    assert (found.status, found.output) == (case.status, case.output)
    assert found.count == len(found.transitions)
    world = World()
    ref = world.start(world.compile(case.task), case.value)
    while world.step(ref, case.answers):
        pass
    assert found.by_workflow() == world.outcome(ref).by_workflow()
    events = histories(stack, found.id)
    assert max(events) < MAX_EVENTS
    if case.fixed and case.status == "succeeded":
        assert sorted(events) == sorted(one.events for one in world.machines.executions.values())


@pytest.mark.slow
def test_a_thousand_items_with_an_effect(stack: Stack, api: Api, agent_id: str):
    task = {
        "main": [
            {"over": "$ list(range(1000))", "map": {"prompt": "$ str(_)", "unwrap": True}},
            {"evaluate": {"n": "$ [len(_), _[-1]]"}},
        ]
    }
    found = run(stack, api, agent_id, task, {}, {})
    assert found.output == {"n": [1000, "Echo: 999"]}
    assert found.count == len(found.transitions) == 2 * 1000 + 3
    assert max(histories(stack, found.id)) < MAX_EVENTS


@pytest.mark.slow
def test_ten_thousand_items_without_one(stack: Stack, api: Api, agent_id: str):
    body = [{"evaluate": {"a": "$ _"}}, {"evaluate": {"b": "$ _.a + 1"}}, {"evaluate": {"c": "$ _.b * 2"}}]
    for loop in (
        {"over": "$ list(range(10000))", "map": body},
        {"foreach": {"in": "$ list(range(10000))", "do": body}},
    ):
        found = run(stack, api, agent_id, {"main": [loop, {"evaluate": {"n": "$ [len(_), _[-1]]"}}]}, {}, {})
        assert found.output == {"n": [10_000, {"c": 20_000}]}
        assert found.count == 4 * 10_000 + 3


def test_a_value_of_twenty_megabytes_goes_through_ten_steps(stack: Stack, api: Api, agent_id: str):
    steps = [
        step
        for _ in range(3)
        for step in ({"evaluate": {"x": "$ _.x"}}, {"prompt": "hi"}, {"evaluate": {"x": "$ steps[0].output.x"}})
    ]
    task = {
        "main": [
            {"evaluate": {"x": "$ ['a' * 1000000 for i in range(20)]"}},
            *steps,
            {"evaluate": {"n": "$ [len(x) for x in _.x]"}},
        ]
    }
    assert run(stack, api, agent_id, task, {}, {}).output == {"n": [1_000_000] * 20}


def test_five_hundred_steps_in_one_workflow(stack: Stack, api: Api, agent_id: str):
    task = {"main": [{"evaluate": {"n": "$ _.n + 1"}}] * 499 + [{"prompt": "$ str(_.n)", "unwrap": True}]}
    found = run(stack, api, agent_id, task, {"n": 0}, {})
    assert (found.output, found.count) == ("Echo: 499", 501)


@pytest.mark.slow
def test_fifty_executions_side_by_side(stack: Stack, api: Api, agent_id: str):
    task_id = api.task(
        agent_id, {"main": [{"over": "$ [1, 2]", "map": {"prompt": "$ str(_ + input.n)", "unwrap": True}}]}
    )
    started = [api.call("POST", f"/tasks/{task_id}/executions", {"input": {"n": n}})["id"] for n in range(50)]
    wait_until(lambda: all(execution_item(stack, one)["status"] in FINAL for one in started), "all of them", 120)
    for n, one in enumerate(started):
        output = stack.container.executions.get(DEFAULT_TENANT, one)["output"]
        assert output == [f"Echo: {n + 1}", f"Echo: {n + 2}"]


@pytest.mark.slow
def test_five_hundred_waiting_ones(stack: Stack, api: Api, agent_id: str):
    task_id = api.task(
        agent_id, {"main": [{"wait_for_input": {"info": {"q": "$ _.n"}}}, {"evaluate": {"x": "$ _.x + 1"}}]}
    )
    started = [api.call("POST", f"/tasks/{task_id}/executions", {"input": {"n": n}})["id"] for n in range(500)]
    executions = stack.container.executions

    def waits(one: str) -> bool:
        return bool(executions.get(DEFAULT_TENANT, one)["waits"])

    for one in started:
        wait_until(lambda one=one: waits(one), f"the wait of {one}", 120)
    for n, one in enumerate(started):
        api.call("PUT", f"/executions/{one}", {"status": "running", "input": {"x": n}})
    wait_until(lambda: all(execution_item(stack, one)["status"] in FINAL for one in started), "all of them", 120)
    assert [executions.get(DEFAULT_TENANT, one)["output"] for one in started] == [{"x": n + 1} for n in range(500)]
