"""What holds for the state machine of every valid task."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings

from statemachines import Compiled, compile_task, read_json, read_yaml
from statemachines.program import dump
from tests.unit.statemachines.definitions import CONTEXT, MARK, RETURNS, Definition, compiled, definitions
from tests.unit.statemachines.machine import Outcome, following, outcomes, reachable


def every_state_is_reached_and_every_target_exists(task: Definition, result: Compiled):
    machine = json.loads(result.definition)
    assert reachable(machine) == set(machine["States"])
    assert {target for state in machine["States"].values() for target in following(state)} <= set(machine["States"])


def every_path_ends(task: Definition, result: Compiled):
    states = json.loads(result.definition)["States"]
    for state in states.values():
        ways = sum(key in state for key in ("Next", "End", "Choices")) + (state["Type"] == "Fail")
        assert ways == 1, state
    ending: set[str] = set()
    for _ in states:
        ending |= {name for name, state in states.items() if set(following(state)) <= ending}
    assert ending == set(states), "some path goes round in a circle"


def every_task_tries_again_catches_and_has_a_time_limit(task: Definition, result: Compiled):
    states = json.loads(result.definition)["States"]
    for name, state in states.items():
        if state["Type"] == "Task":
            assert [retry["MaxAttempts"] > 0 for retry in state["Retry"]] == [True]
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
            assert state["Catch"][-1]["Next"] == ("failed" if name == "fail" else "fail")
            assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)
    assert [name for name, state in states.items() if state["Type"] == "Fail"] == ["failed"]


def names_fit_and_each_block_has_one_state(task: Definition, result: Compiled):
    states = json.loads(result.definition)["States"]
    assert all(len(name) <= 80 for name in states)
    payloads = [state["Parameters"]["Payload"] for state in states.values() if state["Type"] == "Task"]
    blocks = [payload["block"] for payload in payloads if payload["op"] == "block"]
    assert len(blocks) == len(set(blocks))
    assert set(blocks) <= set(result.program.blocks)
    assert all(block.id == name for name, block in result.program.blocks.items())


def each_block_runs_where_its_effect_is_done(task: Definition, result: Compiled):
    for state in json.loads(result.definition)["States"].values():
        payload = state.get("Parameters", {}).get("Payload", {})
        if "block" in payload:
            effect = result.program.blocks[payload["block"]].effect
            assert (state["Parameters"]["FunctionName"] == "${PromptsFunction}") == (effect == "prompt")
            assert state["Resource"].endswith(".waitForTaskToken") == (effect == "wait") == ("token.$" in payload)


def the_report_is_what_all_runs_come_to(task: Definition, result: Compiled):
    machine = json.loads(result.definition)
    runs = outcomes(machine)
    assert result.report.states == len(machine["States"])
    assert result.report.min_transitions == min(runs).transitions
    assert result.report.max_transitions == max(run.transitions for run in runs)
    assert result.report.max_invocations == max(run.invocations for run in runs)
    assert result.report.max_events == max(run.events for run in runs)


def the_size_leaves_room_for_the_arns(task: Definition, result: Compiled):
    filled = result.definition.replace("${StepsFunction}", "x" * 130).replace("${PromptsFunction}", "x" * 130)
    assert result.report.bytes == len(filled.encode())


def a_definition_holds_no_text_of_the_tenants(task: Definition, result: Compiled):
    assert MARK not in result.definition
    assert MARK in dump(result.program)


@given(definitions())
@example(RETURNS)
def test_every_machine(task: Definition):
    result = compiled(task)
    for check in (
        every_state_is_reached_and_every_target_exists,
        every_path_ends,
        every_task_tries_again_catches_and_has_a_time_limit,
        names_fit_and_each_block_has_one_state,
        each_block_runs_where_its_effect_is_done,
        the_report_is_what_all_runs_come_to,
        the_size_leaves_room_for_the_arns,
        a_definition_holds_no_text_of_the_tenants,
    ):
        check(task, result)


def test_the_report_of_a_task_counted_by_hand():
    task = {
        "name": "x",
        "main": [
            {"evaluate": {"x": "$ 1"}},
            {"if": "$ _.x", "then": {"wait_for_input": {"info": "?"}}},
            {"sleep": {"seconds": 1}},
        ],
    }
    result = compiled(task)
    skipped = Outcome(False, transitions=1 + 2 + 1 + 3 + 1, invocations=5, events=5 + 5 + 2 + 5 + 5 + 2 + 5)
    waited = Outcome(False, skipped.transitions + 2, skipped.invocations + 2, skipped.events + 6 + 5)
    assert outcomes(json.loads(result.definition)) == {skipped, waited}
    assert result.report.as_dict() == {
        "states": 11,
        "bytes": result.report.bytes,
        "min_transitions": 8,
        "max_transitions": 10,
        "max_invocations": 7,
        "max_events": 40,
    }


def altered(value: Any) -> Any:
    """The same structure with other texts, without labels, and its keys in another order."""
    if isinstance(value, dict):
        return {key: altered(item) for key, item in reversed(value.items()) if key != "label"}
    if isinstance(value, list):
        return [altered(item) for item in value]
    return value.replace(MARK, f"other {MARK}") if isinstance(value, str) and not value.startswith("$ ") else value


@given(definitions())
@example(RETURNS)
def test_equal_structures_share_a_machine(task: Definition):
    first, second = compiled(task), compiled(altered(task))
    assert (first.digest, first.definition) == (second.digest, second.definition)
    assert len(first.digest) == 32


@pytest.mark.parametrize(
    "other",
    [
        [{"log": "x"}],
        [{"evaluate": {"x": "$ 1"}}, {"log": "x"}],
        [{"log": "x"}, {"prompt": "y"}],
        [{"if": "$ _", "then": {"log": "x"}}, {"log": "y"}],
    ],
)
def test_other_structures_have_another_machine(other: list[Any]):
    one = compiled({"name": "x", "main": [{"log": "x"}, {"log": "y"}]})
    assert compiled({"name": "x", "main": other}).digest != one.digest


@settings(max_examples=30)
@given(definitions())
@example(RETURNS)
def test_json_and_yaml_give_the_same(task: Definition):
    one = compile_task(read_json(json.dumps(task).encode()), CONTEXT)
    other = compile_task(read_yaml(yaml.safe_dump(task, allow_unicode=True).encode()), CONTEXT)
    again = compiled(task)
    assert one.definition == other.definition == again.definition
    assert dump(one.program) == dump(again.program)
    assert one.program == other.program == again.program
