"""What the executions of a task would write into their histories on AWS, for loops of any length: each kind of iteration is walked once.

The pointers are the product's own: what a block answers, what a child starts with and how it plans its part are asked of
``silvercup.runtime``. What the steps themselves do is not looked at, and every block of a row takes so long that the next one runs in
another invocation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.record import Items, Record
from silvercup.runtime.answers import answer
from silvercup.runtime.budget import CHILD_BUDGET
from silvercup.runtime.children import plan_part, start_child
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from statemachines import Compiled, ir
from tests.support.asl import _fill, _holds, _matching, _path, _put

type Json = Any

EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Pass": 2, "Succeed": 2, "Fail": 1, "Map": 4, "Parallel": 4}
REF = ExecutionRef("tenant", "execution")
PREV = RecordKey("block", "main/b0")


@dataclass(frozen=True, slots=True)
class Walk:
    """What a part of a run came to.

    Attributes:
        events: What it wrote into the history of its own machine.
        effects: How often models and tools were called, in it and its children.
        machines: How many children it started.
        error: What it ended with, if not well.
    """

    events: int = 0
    effects: int = 0
    machines: int = 0
    error: str = ""

    def __add__(self, other: Walk) -> Walk:
        return Walk(
            self.events + other.events,
            self.effects + other.effects,
            self.machines + other.machines,
            other.error or self.error,
        )

    def __mul__(self, times: int) -> Walk:
        return Walk(self.events * times, self.effects * times, self.machines * times, self.error)


class Histories:
    """The histories of one task's runs.

    Attributes:
        fullest: The most events that one machine wrote.
    """

    def __init__(
        self,
        compiled: Compiled,
        lengths: Mapping[str, int] | Callable[[ir.LoopOp], int],
        decide: Callable[[ir.DecideOp], int] = lambda _: 0,
    ) -> None:
        """Begin.

        Args:
            compiled: The task.
            lengths: How many items each loop has, by where it stands in the definition (``main[0]``).
            decide: Which arm a branch takes.
        """
        self._loaded = Loaded(compiled.program)
        self._machine: Json = json.loads(compiled.definition)
        self._lengths = lengths
        self._decide = decide
        self._known: dict[object, Walk] = {}
        self._started: list[Json] = []
        self.fullest = 0
        item = Record(PREV, 1, 0, "[]", None, (), None, (), (), 0).as_item(REF)
        read = SimpleNamespace(execution={"status": "running"}, records={PREV: item})
        self._services: Any = SimpleNamespace(
            settings=SimpleNamespace(wait_days=1),
            store=SimpleNamespace(read=lambda *_: read),
            joins=SimpleNamespace(open=lambda *given: self._started.append(given[-1]) or True),
        )

    def run(self) -> Walk:
        """The whole run."""
        pointer = {
            "execution": REF.id,
            "developer": REF.tenant,
            "program": "p",
            "at": "main",
            "budget": CHILD_BUDGET,
            "entry": "",
            "ret": "",
            "r": {"prev": str(PREV), "go": 0, "left": 1},
        }
        return self._whole(pointer)

    def _whole(self, pointer: Json) -> Walk:
        """One machine, from its start to its end, with its children."""
        found = self._level(self._machine, pointer) + Walk(2)
        self.fullest = max(self.fullest, found.events)
        return Walk(0, found.effects, found.machines + 1, found.error)

    def _level(self, level: Json, value: Json) -> Walk:
        total = Walk()
        name: str | None = level["StartAt"]
        while name is not None:
            state = level["States"][name]
            value, done = self._state(state, value)
            total += done
            if done.error and "Catch" in state:
                catcher = _matching(state["Catch"], done.error)
                assert catcher is not None
                total, name = Walk(total.events, total.effects, total.machines), catcher["Next"]
            elif state["Type"] == "Choice":
                rule = next((rule for rule in state["Choices"] if _holds(rule, value)), None)
                name = state["Default"] if rule is None else rule["Next"]
            else:
                name = state.get("Next")
        return total

    def _state(self, state: Json, value: Json) -> tuple[Json, Walk]:
        own = Walk(EVENTS[state["Type"]], error=state.get("Error", ""))
        match state["Type"]:
            case "Task":
                result, done = self._task(state, value)
                if "ResultSelector" in state:
                    result = _fill(state["ResultSelector"], result, {})
                value = _put(value, state.get("ResultPath", "$"), result)
                if state.get("OutputPath"):
                    value = _path(state["OutputPath"], value, {})
                return value, own + done
            case "Pass":
                return _fill(state["Parameters"], value, {}) if "Parameters" in state else value, own
            case "Map":
                return value, own + self._map(state, value)
            case "Parallel":
                for branch in state["Branches"]:
                    own += self._level(branch, value)
                return value, own
            case _:
                return value, own

    def _map(self, state: Json, value: Json) -> Walk:
        """Iterations that begin with the same budget come to the same."""
        total = Walk()
        assert 1 <= _path(state["MaxConcurrencyPath"], value, {}) <= 40
        for item in _path(state["ItemsPath"], value, {}):
            selected = _fill(state["ItemSelector"], value, {"Map": {"Item": {"Value": item}}})
            key = (id(state), selected["budget"], _size(item))
            if key not in self._known:
                self._known[key] = self._level(state["ItemProcessor"], selected) + Walk(2)
            total += self._known[key]
        return total

    def _task(self, state: Json, value: Json) -> tuple[Json, Walk]:
        payload = _fill(state["Parameters"], value, {"Task": {"Token": "token"}})["Payload"]
        waits = int(state["Resource"].endswith(".waitForTaskToken"))
        basic = {"prev": str(PREV), "go": 0, "left": 1}
        match payload["op"]:
            case "block":
                block = self._loaded.program.blocks[payload["block"]]
                result = self._block(block, payload["run"])
                return result if waits else {"Payload": result}, Walk(waits, int(block.effect in ir.CALLS))
            case "blocks":
                *_, last = row = [self._loaded.program.blocks[name] for name in payload["blocks"]]
                asked = sum(block.effect in ir.CALLS for block in row)
                each = Walk(EVENTS["Task"] * (len(row) - 1), asked)
                return {"Payload": self._block(last, payload["run"])}, each
            case "plan":
                return {"Payload": plan_part(Pointer.of(payload["run"]), self._loaded, payload["of"])}, Walk()
            case "child":
                start_child(self._services, Pointer.of(payload["run"]), self._loaded, payload["of"], "token")
                return basic, Walk(waits) + self._child(self._started.pop())
            case _:
                return {"Payload": basic}, Walk()

    def _child(self, pointer: Json) -> Walk:
        pointer = json.loads(json.dumps(pointer))
        if "chunk" not in pointer:
            return self._whole(pointer)
        key = (pointer["entry"], _size(pointer["chunk"]))
        if key not in self._known:
            self._known[key] = self._whole(pointer)
        return self._known[key]

    def _block(self, block: ir.Block, run: Json) -> Json:
        pointer = Pointer.of(run)
        first, last = block.ops[0], block.ops[-1]
        call = self._loaded.ops[first.call] if isinstance(first, ir.EndCallOp) else None
        home = isinstance(call, ir.InvokeOp) and call.jump and not call.tail
        situation: Any = SimpleNamespace(
            block=block, pointer=pointer.at_home() if home else pointer, loaded=self._loaded
        )
        go, items = 0, None
        if isinstance(last, ir.LoopOp) and last.body is None:
            length = self._lengths[last.loc] if isinstance(self._lengths, Mapping) else self._lengths(last)
            items = Items(length, ((0, 0),))
        if isinstance(last, ir.DecideOp) and last.arms is None:
            go = self._decide(last)
        record = Record(PREV, 1, 0, "[]", None, ("[]",), None, (), (), 0, go=go, items=items)
        return json.loads(json.dumps(answer(self._services, situation, record, home=home)))


def _size(item: Json) -> object:
    """What of an item makes a difference: a chunk's size, and how many run at once in it."""
    if not isinstance(item, dict):
        return None
    chunk = cast("dict[str, Any]", item)
    count = chunk["to"] - chunk["from"] if chunk["child"] else len(chunk["items"])
    return (chunk["child"], count, chunk["width"])
