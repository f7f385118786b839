"""Rows: several blocks in one invocation, each as if it had its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from silvercup.errors import ModelUnavailable
from silvercup.executions.keys import ExecutionRef
from silvercup.runtime import rows, slices
from silvercup.runtime.pointer import MoreToDo
from tests.support.asl import Execution, Killed
from tests.support.harm import leftovers
from tests.support.world import Outcome, World

PROMPT: dict[str, Any] = {"prompt": "$ 'p' + str(_)[:20]", "unwrap": True}
PURE: dict[str, Any] = {"evaluate": {"x": "$ 1"}}
END = 1
"""The way out of a machine is a transition too."""
THREE: list[Any] = [PURE, PROMPT, {"set": {"a": "$ _"}}, PROMPT, {"evaluate": {"x": "$ state.a"}}, PROMPT, PURE]


def ran(main: list[Any], *, fuse: bool = True) -> tuple[World, Outcome, Execution]:
    world = World()
    outcome = world.run(world.compile({"main": main}, fuse=fuse), {"n": 3})
    (execution,) = world.machines.executions.values()
    assert list(leftovers(world, outcome.ref)) == []
    return world, outcome, execution


def seen(outcome: Outcome) -> Any:
    return outcome.status, outcome.output, outcome.count, outcome.by_workflow()


def on_record(world: World, kind: str, path: str, harm: Callable[[], None], *, before: bool) -> None:
    """Do harm before or after a record is written."""
    put = world.tables.put

    def harmed(table: str, item: Any, **more: Any) -> None:
        hit = item.get("key") == f"{kind}:{path}"
        if hit and before:
            harm()
        put(table, item, **more)
        if hit and not before:
            harm()

    world.tables.put = harmed


def die_once() -> Callable[[], None]:
    times = itertools.count()

    def die() -> None:
        if next(times) == 0:
            raise Killed

    return die


@pytest.mark.parametrize("main", [[PROMPT, PURE], [PURE, PROMPT, PURE, PURE], [PROMPT, PROMPT, PROMPT], THREE])
def test_prompts_and_pure_steps_are_one_transition(main: list[Any]):
    _, outcome, execution = ran(main)
    assert outcome.status == "succeeded"
    assert (execution.entered, execution.invocations) == (1 + END, 1)


def test_an_item_of_a_prompt_and_a_pure_step_is_one_transition():
    def entered(items: int) -> int:
        return ran([{"over": f"$ list(range({items}))", "map": [PROMPT, PURE]}])[2].entered

    assert entered(7) - entered(3) == 4


@pytest.mark.parametrize(
    ("following", "transitions"),
    [({"sleep": {"seconds": 1}}, 3), ({"if": "$ False", "then": PROMPT}, 3), ({"over": "$ []", "map": PROMPT}, 4)],
    ids=["sleep", "if", "over"],
)
def test_what_ends_a_block_may_end_a_row(following: Any, transitions: int):
    _, outcome, execution = ran([PROMPT, PURE, following])
    assert outcome.status == "succeeded"
    assert execution.entered == transitions + END


def test_a_wait_is_in_no_row():
    _, outcome, execution = ran([PROMPT, {"wait_for_input": {"info": "?"}}, PROMPT])
    assert outcome.status == "succeeded"
    assert execution.entered == 3 + END


def test_after_some_time_a_row_goes_on_in_another_invocation(monkeypatch: pytest.MonkeyPatch):
    _, expected, _ = ran(THREE)
    monkeypatch.setattr(rows, "ROW_SECONDS", -1.0)
    world, found, execution = ran(THREE)
    assert seen(found) == seen(expected)
    assert (execution.entered, execution.invocations) == (4 + END, 4)
    assert len(world.models.asked) == 3


def test_a_loop_in_a_row_goes_on_from_its_slice(monkeypatch: pytest.MonkeyPatch):
    main = [PROMPT, {"foreach": {"in": "$ list(range(5))", "do": PURE}}, PROMPT]
    _, expected, whole = ran(main)
    monkeypatch.setattr(slices, "SLICE_SECONDS", -1.0)
    world, found, sliced = ran(main)
    assert seen(found) == seen(expected)
    assert whole.invocations == 2
    assert sliced.invocations > 6
    assert len(world.models.asked) == 2


@pytest.mark.parametrize(("before", "asked"), [(True, 4), (False, 3)], ids=["before its record", "after its record"])
def test_a_process_that_dies_with_an_answer(before: bool, asked: int):
    _, expected, _ = ran(THREE)
    world = World()
    on_record(world, "effect", "main/b1", die_once(), before=before)
    found = world.run(world.compile({"main": THREE}), {"n": 3})
    assert seen(found) == seen(expected)
    assert len(world.models.asked) == asked


def test_a_pure_step_that_fails_leaves_the_answer():
    main = [PROMPT, PURE, {"evaluate": {"x": "$ 1 / 0"}}, PROMPT]
    world, found, _ = ran(main)
    assert [one["type"] for one in found.transitions] == ["init", "step", "step", "error"]
    assert found.output == "main[2]: division by zero (in `1 / 0`)"
    assert len(world.models.asked) == 1
    assert seen(found) == seen(ran(main, fuse=False)[1])


def test_a_process_that_dies_in_a_pure_step_does_not_ask_again():
    world = World()
    on_record(world, "block", "main/b3", die_once(), before=True)
    found = world.run(world.compile({"main": THREE}), {"n": 3})
    assert found.status == "succeeded"
    assert len(world.models.asked) == 3


def test_a_failure_is_written_down_after_the_last_block_that_is_done():
    def always() -> None:
        raise Killed

    world = World()
    on_record(world, "pure", "main/b2", always, before=True)
    found = world.run(world.compile({"main": THREE}), {"n": 3})
    assert found.status == "failed"
    assert "stopped" in found.output
    assert [one["type"] for one in found.transitions] == ["init", *["step"] * 4, "error"]
    assert found.transitions[-1]["current"]["step"] == 4
    assert found.count == len(found.transitions)
    assert len(world.models.asked) == 2


def test_each_prompt_has_its_own_tries():
    class Failing:
        """A model that is there at every seventh try only."""

        def __init__(self, world: World) -> None:
            self.model = world.models
            self.calls = itertools.count(1)

        def complete(self, messages: Any, **named: Any) -> Any:
            if next(self.calls) % 7:
                raise ModelUnavailable("later")
            return self.model.complete(messages, **named)

    world = World()
    world.container.__dict__["models"] = Failing(world)
    found = world.run(world.compile({"main": THREE}), {"n": 3})
    assert seen(found) == seen(ran(THREE)[1])


def test_an_invocation_that_was_overtaken_leaves_the_rest_to_the_state_machine(monkeypatch: pytest.MonkeyPatch):
    class Twice:
        """A model during whose second answer the same block comes once more."""

        def __init__(self, world: World) -> None:
            self.world = world
            self.calls = itertools.count(1)

        def complete(self, messages: Any, **named: Any) -> Any:
            if next(self.calls) == 2:
                sent = self.world.payloads[-1]
                more = {"Error": "MoreToDo", "Cause": '{"errorMessage": "1 effect:b0"}'}
                monkeypatch.setattr(rows, "ROW_SECONDS", -1.0)
                again = {**sent, "run": {**sent["run"], "r": {**sent["run"]["r"], "more": more}}}
                with pytest.raises(MoreToDo):
                    self.world.container.runtime.invoke(again)
                monkeypatch.undo()
            return self.world.models.complete(messages, **named)

    world = World()
    world.container.__dict__["models"] = Twice(world)
    found = world.run(world.compile({"main": THREE}), {"n": 3})
    (execution,) = world.machines.executions.values()
    assert seen(found) == seen(ran(THREE)[1])
    assert (execution.entered, execution.invocations) == (2 + END, 2)
    assert len(world.models.asked) == 3 + 1


def test_a_cancel_stops_a_row():
    class Cancelling:
        """A model that is asked when somebody cancels."""

        def __init__(self, world: World) -> None:
            self.world = world
            self.ref: ExecutionRef | None = None

        def complete(self, messages: Any, **named: Any) -> Any:
            assert self.ref is not None
            self.world.container.executions.cancel(self.ref.tenant, self.ref.id, "enough")
            return self.world.models.complete(messages, **named)

    world = World()
    model = world.container.__dict__["models"] = Cancelling(world)
    model.ref = world.start(world.compile({"main": THREE}), {"n": 3})
    world.machines.settle()
    found = world.outcome(model.ref)
    assert (found.status, found.transitions[-1]["type"]) == ("cancelled", "cancelled")
    assert len(world.models.asked) == 1
    assert list(leftovers(world, model.ref)) == []


def test_where_a_row_goes_on_must_be_readable():
    world = World()
    ref = world.start(world.compile({"main": THREE}), {"n": 3})
    world.machines.settle()
    sent = world.payloads[0]
    r = {**sent["run"]["r"], "more": {"Error": "MoreToDo", "Cause": "{}"}}
    with pytest.raises(Exception, match="can't be read"):
        world.container.runtime.invoke({**sent, "run": {**sent["run"], "r": r}})
    assert world.outcome(ref).status == "succeeded"
