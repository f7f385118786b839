"""Harm done to a world: every call to tables, blobs and machines can fail, or end the process, before or after it is carried out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from silvercup.errors import TransientError
from silvercup.executions.keys import ExecutionRef
from silvercup.ids import uuid7
from silvercup.storage import Key
from tests.support.asl import Killed
from tests.support.world import TENANT, Outcome, World

type Way = Literal["fails before", "fails after", "dies before", "dies after", "comes twice"]

WAYS: tuple[Way, ...] = ("fails before", "fails after", "dies before", "dies after")
_CALLS = {"get", "get_many", "put", "update", "delete", "query", "create", "start", "status", "stop", "succeed", "fail"}


@dataclass
class Harm:
    """What is done to the n-th call.

    Attributes:
        number: Which call, from 0; -1: none.
        way: What happens to it.
        calls: The names of the calls so far.
        hit: Whether it happened.
        total: How many calls the whole run made.
    """

    number: int = -1
    way: Way = "fails before"
    calls: list[str] | None = None
    hit: bool = False
    total: int = 0

    def through(self, name: str, call: Callable[[], Any]) -> Any:
        """Carry a call out, or do the harm."""
        self.calls = self.calls or []
        number = len(self.calls)
        self.calls.append(name)
        if number != self.number:
            return call()
        self.hit = True
        if self.way.endswith("after"):
            call()
        if self.way.startswith("fails"):
            raise TransientError("injected")
        raise Killed


class Wrapped:
    """A port whose calls may come to harm."""

    def __init__(self, port: Any, name: str, harm: Harm) -> None:
        self._port = port
        self._name = name
        self._harm = harm

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in _CALLS:
            return found
        return lambda *args, **named: self._harm.through(f"{self._name}.{name}", lambda: found(*args, **named))


def run_harmed(
    task: dict[str, Any], value: Any, answers: list[Any], harm: Harm, *, twice: bool = False
) -> tuple[World, Outcome]:
    """Run a task in a world in which one thing goes wrong; the caller of the API repeats what failed, as clients do.

    Args:
        task: The definition.
        value: The input.
        answers: What waits are answered with.
        harm: What goes wrong.
        twice: Whether every invocation comes twice.
    """
    world = World()
    compiled = world.compile(task)
    parts = {name: Wrapped(getattr(world, name), name, harm) for name in ("tables", "blobs", "machines")}
    world.install(**parts)
    if twice:
        invoke = world.machines.function

        def again(arn: str, payload: Any) -> Any:
            invoke(arn, payload)
            return invoke(arn, payload)

        world.machines.function = again
    prepared = world.prepare(compiled)
    ref = ExecutionRef(TENANT, uuid7())
    _repeated(lambda: world.begin(prepared, ref, value))
    given = itertools.count()
    for _ in range(1_000):
        world.machines.settle()
        waits = open_waits(world, ref)
        if not waits:
            break
        answer = answers[min(next(given), len(answers) - 1)]
        path = waits[0]
        _repeated(lambda path=path, answer=answer: world.answer(ref, path, answer))
    harm.total, harm.number = len(harm.calls or []), -1
    return world, world.outcome(ref)


def open_waits(world: World, ref: ExecutionRef) -> list[str]:
    """The paths of the waits that are open."""
    item = world.tables.get(_key(ref)) or {}
    return [] if "final_key" in item else sorted(item.get("open_waits") or ())


def _key(ref: ExecutionRef) -> Key:
    return Key("core", ref.item_pk)


def _repeated[T](call: Callable[[], T]) -> T:
    for _ in range(5):
        try:
            return call()
        except (TransientError, Killed):
            continue
    raise AssertionError("it failed five times")


def leftovers(world: World, ref: ExecutionRef) -> Iterator[str]:
    """What an execution that has ended must not leave behind, once the sweeper has been there."""
    for execution in world.machines.executions.values():
        if execution.status == "RUNNING":
            yield f"{execution.arn} still runs"
    item = world.tables.get(_key(ref)) or {}
    for name in ("open_joins", "sweep"):
        if item.get(name):
            yield f"{name}: {item[name]}"
    for key, record in world.tables.items.items():
        if key.table == "runs" and record.get("wait") == "open":
            yield f"the wait {record['key']} is open"
        if key.table == "runs" and record.get("join") == "open":
            yield f"the join {record['key']} is open"
        if key.table == "runs" and "sweep" in record:
            yield f"{record['key']} is still due"
