"""Step Functions in a few lines: an interpreter of the dialect that the compiler writes, without threads and without time.

Every execution is a generator that gives up control where it would wait; ``Interpreter.settle`` lets all of them go on until
none can. History events are counted as AWS writes them. It is an independent reading of the Amazon States Language: where it and
moto disagree, one of them is wrong (tests/integration compares them).
"""

from __future__ import annotations

import inspect
import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from silvercup.executions.machines import MachineMissing

type Json = Any
Run = Generator[bool, None, Json]
"""Yields where it gives up control, and whether it could go on at once."""
type Function = Callable[[str, Json], Json]
"""Takes a function's ARN and the payload; what it raises is the error of the invocation."""

ROUTINE = ("arn:aws:states:us-east-1:1:stateMachine:", "arn:aws:states:us-east-1:1:execution:")
MAX_EVENTS = 25_000


class StateError(Exception):
    """An error by its name, as a Catch sees it."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.cause = cause


class Killed(BaseException):
    """The process of a function dies in the middle: nothing of it can catch this."""


@dataclass
class Execution:
    """One execution of a machine.

    Attributes:
        events: History events so far.
        entered: State transitions so far.
        invocations: Lambda calls so far.
    """

    arn: str
    input: Json
    status: str = "RUNNING"
    error: str = ""
    output: Json = None
    events: int = 1
    entered: int = 1
    invocations: int = 0
    run: Run | None = None


@dataclass
class Interpreter:
    """Machines by name and their executions; also ``executions.machines.Machines`` for the product.

    Attributes:
        function: What Task states call.
        waiting: Tokens that a state waits for, with the answer once there is one.
        parents: Those of states that wait for a child.
        slept: How long sleeps were, in seconds; they are over at once.
    """

    function: Function
    machines: dict[str, Json] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    waiting: dict[str, tuple[str, Json] | None] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)
    slept: list[int] = field(default_factory=list)
    ended: list[Execution] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def arn_of(self, name: str) -> str:
        return ROUTINE[0] + name

    def create(self, name: str, definition: str) -> str:
        self.calls["create"] += 1
        self.machines[name] = json.loads(definition)
        return self.arn_of(name)

    def start(self, machine_arn: str, name: str, pointer: Json) -> str:
        self.calls["start"] += 1
        definition = self.machines.get(machine_arn.removeprefix(ROUTINE[0]))
        if definition is None:
            raise MachineMissing("no such machine")
        assert len(name) <= 80
        arn = f"{machine_arn.replace(*ROUTINE)}:{name}"
        if arn not in self.executions:
            pointer = json.loads(json.dumps(pointer))
            execution = self.executions[arn] = Execution(arn, pointer)
            execution.run = self._level(execution, definition["States"], definition["StartAt"], pointer, {})
        return arn

    def status(self, execution_arn: str) -> str | None:
        found = self.executions.get(execution_arn)
        return None if found is None else found.status

    def stop(self, execution_arn: str, cause: str) -> None:
        found = self.executions.get(execution_arn)
        if found is not None and found.status == "RUNNING":
            self._end(found, "ABORTED", cause)

    def succeed(self, token: str, output: Json) -> bool:
        return self._answer(token, ("", output))

    def fail(self, token: str, error: str, cause: str) -> bool:
        return self._answer(token, (error, cause))

    def _answer(self, token: str, answer: tuple[str, Json]) -> bool:
        if token not in self.waiting or self.waiting[token] is not None:
            return False
        self.waiting[token] = answer
        return True

    def time_out(self) -> None:
        """Let the time of everything that waits for an answer be over, but for parents of children."""
        for token in self.waiting:
            if token not in self.parents:
                self._answer(token, ("States.Timeout", ""))

    def settle(self) -> None:
        """Let every execution go on until none can."""
        self.settle_until(lambda: False)

    def settle_until(self, stop: Callable[[], bool]) -> None:
        """Let every execution go on until none can, or something has come about."""
        moved = True
        while moved:
            moved = False
            for execution in list(self.executions.values()):
                while execution.status == "RUNNING" and not stop() and self._step(execution):
                    moved = True
            if stop():
                return

    def kill(self, execution_arn: str, status: str = "ABORTED") -> None:
        """End an execution from outside, as the AWS console can."""
        found = self.executions[execution_arn]
        if found.status == "RUNNING":
            self._end(found, status, "killed")

    def _step(self, execution: Execution) -> bool:
        """Go on until the execution gives up control; says whether it could go on at once."""
        run = execution.run
        assert run is not None
        try:
            moved = next(run)
        except StopIteration as stop:
            if execution.status == "RUNNING":
                execution.output = stop.value
                self._end(execution, "SUCCEEDED", "")
        except StateError as error:
            if execution.status == "RUNNING":
                execution.error = error.name
                self._end(execution, "FAILED", error.cause)
        else:
            if execution.status == "RUNNING":
                return moved
            run.close()  # its own function stopped it
        return True

    def _end(self, execution: Execution, status: str, cause: str) -> None:
        execution.status = status
        execution.events += 1
        del cause
        run, execution.run = execution.run, None
        if run is not None and not is_running(run):
            run.close()
        self.ended.append(execution)

    def _level(self, execution: Execution, states: Json, start: str, value: Json, context: Json) -> Run:
        name: str | None = start
        while name is not None:
            state = states[name]
            execution.entered += 1
            execution.events += {"Fail": 1, "Succeed": 2, "Map": 4, "Parallel": 4}.get(state["Type"], 2)
            if execution.events > MAX_EVENTS:
                raise StateError("States.Runtime", "the history is full")
            try:
                value, name = yield from self._state(execution, state, value, context)
            except StateError as error:
                catcher = _matching(state.get("Catch", ()), error.name)
                if catcher is None:
                    raise
                value = _put(value, catcher.get("ResultPath", "$"), {"Error": error.name, "Cause": error.cause})
                name = catcher["Next"]
        return value

    def _state(self, execution: Execution, state: Json, value: Json, context: Json) -> Generator[bool, None, Json]:
        following = None if state.get("End") else state.get("Next")
        match state["Type"]:
            case "Pass":
                result = _fill(state["Parameters"], value, context) if "Parameters" in state else value
            case "Succeed":
                return value, None
            case "Fail":
                raise StateError(state["Error"], state.get("Cause", ""))
            case "Wait":
                self.slept.append(_path(state["SecondsPath"], value, context))
                yield True
                result = value
            case "Choice":
                rule = next((rule for rule in state["Choices"] if _holds(rule, value)), None)
                return value, state["Default"] if rule is None else rule["Next"]
            case "Task":
                result = yield from self._task(execution, state, value, context)
            case "Map":
                result = yield from self._map(execution, state, value, context)
            case "Parallel":
                runs = [
                    self._level(execution, branch["States"], branch["StartAt"], value, context)
                    for branch in state["Branches"]
                ]
                result = yield from _side_by_side(runs, len(runs))
            case other:
                raise AssertionError(other)
        if "ResultSelector" in state:
            result = _fill(state["ResultSelector"], result, context)
        merged = _put(value, state.get("ResultPath", "$"), result) if state["Type"] != "Pass" else result
        if "OutputPath" in state:
            merged = {} if state["OutputPath"] is None else _path(state["OutputPath"], merged, context)
        return merged, following

    def _task(self, execution: Execution, state: Json, value: Json, context: Json) -> Generator[bool, None, Json]:
        tries: Counter[int] = Counter()
        while True:
            try:
                return (yield from self._try(execution, state, value, context))
            except StateError as error:
                for i, retry in enumerate(state.get("Retry", ())):
                    if _names(retry["ErrorEquals"], error.name) and tries[i] < retry["MaxAttempts"]:
                        tries[i] += 1
                        break
                else:
                    raise
                yield True

    def _try(self, execution: Execution, state: Json, value: Json, context: Json) -> Generator[bool, None, Json]:
        waits = state["Resource"].endswith(".waitForTaskToken")
        execution.events += 4 if waits else 3
        execution.invocations += 1
        token = str(uuid.uuid4())
        parameters = _fill(state["Parameters"], value, {**context, "Task": {"Token": token}})
        payload = json.dumps(parameters["Payload"])
        assert len(payload) < 256_000, "Step Functions takes 256 KB at most"
        if waits:
            self.waiting[token] = None
            if "TimeoutSecondsPath" not in state:
                self.parents.add(token)
        yield True
        try:
            answer = self.function(parameters["FunctionName"], json.loads(payload))
        except Killed:
            self.waiting.pop(token, None)
            raise StateError("Sandbox.Timedout") from None
        except Exception as error:  # whatever a function raises is the error of its invocation
            self.waiting.pop(token, None)
            cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            raise StateError(type(error).__name__, cause) from error
        if not waits:
            return {"Payload": json.loads(json.dumps(answer))}
        try:
            while (given := self.waiting[token]) is None:
                yield False
        finally:
            self.waiting.pop(token, None)
        error, output = given
        if error:
            raise StateError(error, output)
        return json.loads(json.dumps(output))

    def _map(self, execution: Execution, state: Json, value: Json, context: Json) -> Run:
        items = _path(state["ItemsPath"], value, context)
        width = _path(state["MaxConcurrencyPath"], value, context)
        assert 1 <= width <= 40
        assert len(items) <= 2_000
        processor = state["ItemProcessor"]

        def runs() -> Iterator[Run]:
            for i, item in enumerate(items):
                inner = {**context, "Map": {"Item": {"Index": i, "Value": item}}}
                selected = _fill(state["ItemSelector"], value, inner)
                execution.events += 2
                yield self._level(execution, processor["States"], processor["StartAt"], selected, inner)

        results = yield from _side_by_side(runs(), width)
        assert len(json.dumps(results)) < 256_000
        return results


def is_running(run: Run) -> bool:
    """Whether an execution is in the middle of a step: its function does what is done now."""
    return inspect.getgeneratorstate(run) == inspect.GEN_RUNNING


def _side_by_side(runs: Any, width: int) -> Run:
    """Run generators in turn, so many at once; one that fails ends the others."""
    source = iter(runs)
    active: dict[int, Run] = {}
    results: dict[int, Json] = {}
    number = 0
    try:
        while True:
            while len(active) < width and (run := next(source, None)) is not None:
                active[number] = run
                number += 1
            if not active:
                return [results[i] for i in range(number)]
            moved = False
            for i, run in list(active.items()):
                try:
                    moved = next(run) or moved
                except StopIteration as stop:
                    results[i] = stop.value
                    del active[i]
                    moved = True
            yield moved
    finally:
        for run in active.values():
            run.close()


def _names(names: list[str], error: str) -> bool:
    return error in names or ("States.ALL" in names and error != "States.Runtime")


def _matching(catchers: Any, error: str) -> Json | None:
    return next((catcher for catcher in catchers if _names(catcher["ErrorEquals"], error)), None)


def _holds(rule: Json, value: Json) -> bool:
    try:
        found = _path(rule["Variable"], value, {})
    except KeyError:
        raise StateError("States.Runtime", f"no {rule['Variable']}") from None
    for operator in ("NumericEquals", "StringEquals", "BooleanEquals"):
        if operator in rule:
            return found == rule[operator] and isinstance(found, bool) == (operator == "BooleanEquals")
    raise AssertionError(rule)


def _path(path: str, value: Json, context: Json) -> Json:
    if path.startswith("States.Format("):
        template, *arguments = re.findall(r"'[^']*'|\$[\w.$]*", path)
        text = template.strip("'")
        for argument in arguments:
            text = text.replace("{}", str(_path(argument, value, context)), 1)
        return text
    found = context if path.startswith("$$") else value
    for part in path.lstrip("$").split("."):
        if part:
            found = found[part]
    return found


def _fill(template: Json, value: Json, context: Json) -> Json:
    if not isinstance(template, dict):
        return template
    filled: dict[str, Json] = {}
    for name, item in template.items():
        if name.endswith(".$"):
            filled[name[:-2]] = _path(item, value, context)
        else:
            filled[name] = _fill(item, value, context)
    return filled


def _put(value: Json, path: str | None, result: Json) -> Json:
    if path is None:
        return value
    if path == "$":
        return result
    name, _, inner = path.removeprefix("$.").partition(".")
    return {**value, name: _put(value[name], f"$.{inner}", result) if inner else result}
