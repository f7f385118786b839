"""What holds for the state machine of every valid task."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from statemachines import Compiled, compile_task, ir, read_json, read_yaml
from statemachines.ir import has_loop
from statemachines.program import dump
from tests.unit.statemachines.definitions import (
    CIRCLES,
    CONTEXT,
    ENDLESS,
    LOOPS,
    MARK,
    RETURNS,
    UNFUSED,
    Definition,
    compiled,
    definitions,
)
from tests.unit.statemachines.machine import (
    blocks_of,
    every_state,
    following,
    going_on,
    levels,
    onward,
    payload,
    reachable,
)


def every_state_is_reached_and_every_target_exists(result: Compiled):
    for level in levels(json.loads(result.definition)):
        assert reachable(level) == set(level.states)
        assert {target for state in level.states.values() for target in following(state)} <= set(level.states)


def every_path_ends(result: Compiled):
    """Only a block or a row that runs once more, and jumps to procedures, go round in a circle."""
    for level in levels(json.loads(result.definition)):
        ending: set[str] = set()
        for _ in level.states:
            ending |= {name for name in level.states if set(onward(name, level.states)) <= ending}
        assert ending == set(level.states), "some path goes round in a circle"
        for name, state in level.states.items():
            ways = sum(key in state for key in ("Next", "End", "Choices")) + (state["Type"] in {"Fail", "Succeed"})
            assert ways == 1, name
            assert ("Default" in state) == (state["Type"] == "Choice")


def every_task_tries_again_catches_and_has_a_time_limit(result: Compiled):
    for level in levels(json.loads(result.definition)):
        for name, state in level.states.items():
            if state["Type"] != "Task":
                continue
            assert state["Retry"][-1]["MaxAttempts"] > 0
            assert all(retry["ErrorEquals"] == ["Returned"] for retry in state["Retry"][:-1])
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
            assert state["Catch"][-1]["Next"] == (level.failed if name == level.fail else level.fail)
            assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)


def each_level_has_its_own_end_for_failures(result: Compiled):
    """A failure is written down once, where it happens; outside it only passes through."""
    for level in levels(json.loads(result.definition)):
        assert level.states[level.fail]["Next"] == level.failed
        for name, state in level.states.items():
            if state["Type"] not in {"Map", "Parallel"}:
                continue
            assert "Retry" not in state
            caught = {error: catcher["Next"] for catcher in state["Catch"] for error in catcher["ErrorEquals"]}
            assert all(catcher["ResultPath"] == "$.error" for catcher in state["Catch"])
            assert list(caught)[-1] == "States.ALL"
            assert caught["States.ALL"] == level.fail
            assert caught.get("Silvercup.Failed") == (level.failed if level.within else None), name
        errors = Counter(state["Error"] for state in level.states.values() if state["Type"] == "Fail")
        assert errors["Silvercup.Failed"] == 1
        assert errors.keys() <= {"Silvercup.Failed", "Silvercup.Return"}


def nothing_flows_out_of_loops_and_forks(result: Compiled):
    for level in levels(json.loads(result.definition)):
        for state in level.states.values():
            if state["Type"] in {"Map", "Parallel"}:
                assert state["ResultPath"] is None
            if level.within and state.get("End"):
                assert state["OutputPath"] is None


def a_loop_runs_chunks_of_numbers(result: Compiled):
    """A Map of chunks, in each of which one state picks the Map of items or a child."""
    for level in levels(json.loads(result.definition)):
        for state in level.states.values():
            if state["Type"] != "Map":
                continue
            assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
            if state["ItemsPath"] == "$.chunk.items":
                assert state["MaxConcurrencyPath"] == "$.chunk.width"
                continue
            assert (state["ItemsPath"], state["MaxConcurrencyPath"]) == ("$.r.chunks", "$.r.lanes")
            inner = state["ItemProcessor"]["States"]
            which = inner[state["ItemProcessor"]["StartAt"]]
            assert which["Choices"][0]["Variable"] == "$.chunk.child"
            assert inner[which["Default"]]["ItemsPath"] == "$.chunk.items"
            alone = payload(inner[which["Choices"][0]["Next"]])
            assert alone["op"] == "child"
            assert alone["of"] in result.program.shares


def names_fit_and_are_all_different(result: Compiled):
    names = Counter(name for name, _ in every_state(json.loads(result.definition)))
    assert all(len(name) <= 80 for name in names)
    assert names.most_common(1)[0][1] == 1


def each_block_runs_where_its_effect_is_done(result: Compiled):
    """And stands in one state, and in one more for each loop around, which a child may run."""
    seen: Counter[str] = Counter()
    around: dict[str, int] = {}
    for level in levels(json.loads(result.definition)):
        for name, state in level.states.items():
            row = [result.program.blocks[name] for name in blocks_of(state)]
            if not row:
                continue
            loops = sum(outer.get("ItemsPath") == "$.chunk.items" for outer in level.within)
            for block in row:
                seen[block.id] += block.effect != "talk" or "token.$" not in payload(state)
                around[block.id] = max(around.get(block.id, 0), loops)
            effects = [block.effect for block in row]
            by_prompts = any(isinstance(last, ir.PromptOp) or _searches(last) for last in (b.ops[-1] for b in row))
            by_prompts = by_prompts and "token.$" not in payload(state)
            assert (state["Parameters"]["FunctionName"] == "${PromptsFunction}") == by_prompts
            waits = "token.$" in payload(state)
            slow = not waits and bool({"prompt", "talk", "tool"} & set(effects))
            assert waits or (state["TimeoutSeconds"] == 890) == slow
            assert state["Resource"].endswith(".waitForTaskToken") == waits
            assert ("wait" in effects) == waits or effects == ["talk"]
            if row[1:]:
                assert "wait" not in effects
                assert effects[0] == "prompt"
                assert not any(block.effect in {"prompt", "tool"} and has_loop(block.ops) for block in row[1:])
                assert state["Catch"][0] == {"ErrorEquals": ["MoreToDo"], "ResultPath": "$.r.more", "Next": name}
            again = any(has_loop(block.ops) or block.effect == "talk" for block in row) and not row[1:]
            assert (again and not waits) == _runs_again(state, level.states)
    assert set(seen) == set(result.program.blocks)
    assert seen == Counter({block: 1 + loops for block, loops in around.items()})


def _searches(op: ir.Op) -> bool:
    """Whether an operation calls the one tool of a random task that searches docs."""
    return isinstance(op, ir.ToolOp) and op.tool == "find"


def _runs_again(state: dict[str, Any], states: dict[str, Any]) -> bool:
    after = states[state["Next"]] if "Next" in state else {}
    return any(rule.get("NumericEquals") == -3 and states[rule["Next"]] is state for rule in after.get("Choices", ()))


def each_child_has_an_entry(result: Compiled):
    machine = json.loads(result.definition)
    started = {payload(state)["of"] for _, state in every_state(machine) if payload(state).get("op") == "child"}
    start = machine["States"][machine["StartAt"]]
    rules = start.get("Choices", ()) if start["Type"] == "Choice" else ()
    entries = {rule["StringEquals"]: rule["Next"] for rule in rules if rule["Variable"] == "$.entry"}
    ops = {op.id: op for block in result.program.blocks.values() for op in block.ops}
    needed = {f"procedure:{ops[of].procedure}" if ops[of].name == "invoke" else of for of in started}  # pyright: ignore[reportAttributeAccessIssue]
    assert needed <= set(entries)
    assert needed <= set(result.program.shares)
    for entry in entries:
        assert entry in result.program.shares
        assert entry in needed or entry.startswith("procedure:")


def the_size_leaves_room_for_the_arns(result: Compiled):
    filled = result.definition.replace("${StepsFunction}", "x" * 130).replace("${PromptsFunction}", "x" * 130)
    assert result.report.bytes == len(filled.encode())
    assert result.report.states == sum(1 for _ in every_state(json.loads(result.definition)))


def a_definition_holds_no_text_of_the_tenants(result: Compiled):
    assert MARK not in result.definition
    assert MARK in dump(result.program)


def no_state_waits_for_what_comes_after_it(result: Compiled):
    for level in levels(json.loads(result.definition)):
        for name, state in level.states.items():
            if state["Type"] == "Wait":
                assert state["SecondsPath"] == "$.r.go"
                assert name in {after for other in level.states.values() for after in going_on(other)}


CHECKS = (
    every_state_is_reached_and_every_target_exists,
    every_path_ends,
    every_task_tries_again_catches_and_has_a_time_limit,
    each_level_has_its_own_end_for_failures,
    nothing_flows_out_of_loops_and_forks,
    a_loop_runs_chunks_of_numbers,
    names_fit_and_are_all_different,
    each_block_runs_where_its_effect_is_done,
    each_child_has_an_entry,
    the_size_leaves_room_for_the_arns,
    a_definition_holds_no_text_of_the_tenants,
    no_state_waits_for_what_comes_after_it,
)


@given(definitions(), st.booleans())
@example(RETURNS, True)
@example(RETURNS, False)
@example(LOOPS, True)
@example(LOOPS, False)
@example(CIRCLES, True)
@example(CIRCLES, False)
@example(ENDLESS, True)
def test_every_machine(task: Definition, fuse: bool):
    result = compiled(task, fuse=fuse)
    for check in CHECKS:
        check(result)


def altered(value: Any) -> Any:
    """The same structure with other texts, without labels, and its keys in another order."""
    if isinstance(value, dict):
        return {key: altered(item) for key, item in reversed(value.items()) if key != "label"}
    if isinstance(value, list):
        return [altered(item) for item in value]
    return value.replace(MARK, f"other {MARK}") if isinstance(value, str) and not value.startswith("$ ") else value


@given(definitions())
@example(RETURNS)
@example(LOOPS)
@example(CIRCLES)
def test_equal_structures_share_a_machine(task: Definition):
    first, second = compiled(task), compiled(altered(task))
    assert (first.digest, first.definition) == (second.digest, second.definition)
    assert len(first.digest) == 32


@pytest.mark.parametrize(
    "other",
    [
        [{"prompt": "x"}],
        [{"prompt": "x"}, {"prompt": "y"}, {"log": "x"}],
        [{"prompt": "x"}, {"wait_for_input": {"info": "y"}}],
        [{"if": "$ _", "then": {"prompt": "x"}}, {"prompt": "y"}],
        [{"foreach": {"in": "$ _", "do": {"prompt": "x"}}}],
        [{"over": "$ _", "map": {"prompt": "x"}}],
        [{"parallel": [{"prompt": "x"}, {"prompt": "y"}]}],
    ],
)
def test_other_structures_have_another_machine(other: list[Any]):
    one = compiled({"name": "x", "main": [{"prompt": "x"}, {"prompt": "y"}]})
    assert compiled({"name": "x", "main": other}).digest != one.digest


def test_pure_steps_do_not_change_the_machine():
    """What a block runs is for the program to say."""
    one = compiled({"name": "x", "main": [{"log": "x"}, {"prompt": "x"}]})
    pure = {"foreach": {"in": "$ [1]", "do": [{"if": "$ True", "then": {"set": {"a": 1}}}, {"get": "a"}]}}
    assert compiled({"name": "x", "main": [{"log": "x"}, {"get": "x"}, {"prompt": "x"}]}).digest == one.digest
    with_loop = compiled({"name": "x", "main": [{"log": "x"}, pure, {"prompt": "x"}]})
    assert "Map" not in with_loop.definition
    assert len(with_loop.program.blocks) == len(one.program.blocks) == 1


@settings(max_examples=30)
@given(definitions())
@example(RETURNS)
@example(LOOPS)
@example(CIRCLES)
def test_json_and_yaml_give_the_same(task: Definition):
    one = compile_task(read_json(json.dumps(task).encode()), CONTEXT)
    other = compile_task(read_yaml(yaml.safe_dump(task, allow_unicode=True).encode()), CONTEXT)
    again = compiled(task)
    assert one.definition == other.definition == again.definition
    assert dump(one.program) == dump(again.program)
    assert one.program == other.program == again.program


def test_without_fusion_every_operation_has_a_block():
    result = compile_task(read_json(json.dumps(LOOPS).encode()), UNFUSED)
    assert {len(block.ops) for block in result.program.blocks.values()} == {1}
