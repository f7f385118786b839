"""What runs beside what: who wins, who is stopped, what is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from silvercup.errors import ModelRejected
from silvercup.runtime import wait
from silvercup.settings import Settings
from tests.support.harm import leftovers
from tests.support.world import World

RACE: dict[str, Any] = {
    "main": [{"workflow": "w"}, {"log": "after {_}"}],
    "w": [
        {
            "over": "$ ['wins', 'fails']",
            "map": [
                {"prompt": "$ _", "unwrap": True},
                {"sleep": {"seconds": 1}},
                {"if": "$ 'wins' in _", "then": {"return": {"r": "$ _"}}},
            ],
        },
        {"error": "not reached"},
    ],
}


class Late:
    """A model that refuses one text, after everything else has been done that can be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.was_late = False

    def complete(self, messages: Any, **_: Any) -> dict[str, Any]:
        text = messages[-1]["content"]
        if text == "fails":
            self.late()
            raise ModelRejected("refused")
        message = {"role": "assistant", "content": text}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    def late(self) -> None:
        """The other item goes on to its end, as if on another machine."""
        self.was_late = True
        payloads = self.world.payloads
        (asked,) = [one for one in payloads if one.get("blocks") and one["run"]["at"].endswith(".0")]
        answer = self.world.container.runtime.invoke(asked)
        following = f"b{int(asked['blocks'][-1][1:]) + 1}"
        run = {**asked["run"], "r": answer}
        with pytest.raises(Exception, match="A return ended"):
            self.world.container.runtime.invoke({"op": "block", "block": following, "run": run})


def test_a_late_failure_does_not_beat_a_return():
    world = World()
    model = world.container.__dict__["models"] = Late(world)
    found = world.run(world.compile(RACE))
    assert model.was_late
    assert (found.status, found.output) == ("succeeded", {"r": "wins"})
    assert "error" not in {one["type"] for one in found.transitions}
    assert list(leftovers(world, found.ref)) == []


def test_a_failure_of_the_machine_does_not_beat_a_return():
    world = World()
    compiled = world.compile(RACE)
    machine = json.loads(compiled.definition)
    text = json.dumps(machine)
    assert '"guards": [[' in text
    ref = world.start(compiled, {})
    world.machines.settle()
    assert world.outcome(ref).output == {"r": "Echo: wins"}
    item_payload = next(one for one in world.payloads if one["run"]["at"].endswith(".1"))
    with pytest.raises(Exception, match="A return ended"):
        world.container.runtime.invoke(
            {"op": "fail", "run": {**item_payload["run"], "error": {"Error": "States.Timeout"}}, "guards": [[1, 0]]}
        )


FAILS: dict[str, Any] = {
    "main": [
        {
            "parallel": [
                {"evaluate": {"x": "$ 1 / 0"}},
                {"wait_for_input": {"info": {"q": 1}}},
                {"over": "$ [1, 2, 3]", "map": {"wait_for_input": {"info": {"q": "$ _"}}}},
            ]
        }
    ]
}


def test_a_branch_that_fails_stops_the_others_and_closes_their_waits():
    world = World()
    found = world.run(world.compile(FAILS))
    assert found.status == "failed"
    assert found.output == "In branch 0 of main[0]: main[0].parallel[0]: division by zero (in `1 / 0`)"
    assert list(leftovers(world, found.ref)) == []
    assert found.count == len(found.transitions)
    assert found.transitions[-1]["type"] == "error"


def test_a_call_whose_arguments_fail_says_so():
    world = World()
    task = {"main": [{"workflow": "w", "arguments": {"n": "$ 1 / 0"}}], "w": [{"log": "x"}]}
    assert world.run(world.compile(task)).output == "main[0]: division by zero (in `1 / 0`)"
    task = {"main": [{"workflow": "w", "arguments": {"n": "$ 1 / 0"}}], "w": [{"workflow": "w"}]}
    assert world.run(world.compile(task)).output == "main[0]: division by zero (in `1 / 0`)"


def test_calls_a_thousand_deep_are_refused():
    world = World()
    task = {
        "main": [{"workflow": "w", "arguments": {"n": "$ 0"}}],
        "w": [{"workflow": "w", "arguments": {"n": "$ _.n + 1"}}, {"log": "back"}],
    }
    found = world.run(world.compile(task))
    assert found.status == "failed"
    assert found.output.endswith("w[0]: Calls stand in each other more than 1,000 levels deep")
    assert list(leftovers(world, found.ref)) == []


@pytest.mark.parametrize("waits", [3, 4])
def test_only_so_many_waits_may_be_open_at_once(waits: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wait, "MAX_OPEN_WAITS", 3)
    world = World()
    task = {"main": [{"over": f"$ list(range({waits}))", "map": {"wait_for_input": {"info": {"q": "$ _"}}}}]}
    ref = world.start(world.compile(task), {})
    world.machines.settle()
    shown = world.container.executions.get(ref.tenant, ref.id)
    if waits == 3:
        assert (shown["status"], len(shown["waits"])) == ("awaiting_input", 3)
    else:
        assert shown["status"] == "failed"
        assert "at most" in shown["error"] or "3 open waits at once" in shown["error"]
        assert list(leftovers(world, ref)) == []


def test_a_retried_answer_does_not_reach_another_wait():
    world = World()
    task = {"main": [{"parallel": [{"wait_for_input": {"info": {"q": 1}}}, {"wait_for_input": {"info": {"q": 2}}}]}]}
    ref = world.start(world.compile(task), {})
    world.machines.settle()
    executions = world.container.executions
    first, second = executions.get(ref.tenant, ref.id)["waits"]
    yes = {"approved": True}
    for is_retry in (False, True, False):
        executions.resume(ref.tenant, ref.id, yes, is_retry=is_retry, transition_id=first["transition_id"])
    assert [one["info"] for one in executions.get(ref.tenant, ref.id)["waits"]] == [second["info"]]
    executions.resume(ref.tenant, ref.id, yes, is_retry=True, transition_id=second["transition_id"])
    world.machines.settle()
    assert world.outcome(ref).output == [yes, yes]


def test_sleeps_can_be_skipped():
    task = {"main": [{"foreach": {"in": "$ [1, 2]", "do": [{"sleep": {"days": 1}}, {"evaluate": {"x": "$ _"}}]}}]}
    world = World(settings=Settings(steps_arn="steps", prompts_arn="prompts", skip_waits=True))
    assert world.run(world.compile(task)).output == [{"x": 1}, {"x": 2}]
    assert world.machines.slept == [0, 0]
    world = World()
    world.run(world.compile(task))
    assert all(86_390 < seconds <= 86_400 for seconds in world.machines.slept)
