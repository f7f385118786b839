"""Which workflows call which: what is inlined, and what becomes a procedure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from statemachines import task as model

INLINE_STEPS = 1_500
"""How many steps a task may have with its calls inlined, before workflows that are called often become procedures."""


def within(steps: tuple[model.Step, ...]) -> Iterator[model.Step]:
    """Steps with all steps inside them, in order."""
    for step in steps:
        yield step
        for branch in branches(step):
            yield from within(branch)


def branches(step: model.Step) -> tuple[tuple[model.Step, ...], ...]:
    """The lists of steps inside a step."""
    match step:
        case model.If():
            return (step.then,) if step.orelse is None else (step.then, step.orelse)
        case model.Switch():
            return tuple(case.steps for case in step.cases)
        case model.ForEach() | model.MapReduce():
            return (step.body,)
        case model.Parallel():
            return step.branches
        case _:
            return ()


class Calls:
    """The calls of a task.

    Attributes:
        procedures: Workflows that are not inlined: those that call themselves, and those that would make the rest too large.
    """

    def __init__(self, task: model.Task) -> None:
        self._sizes: dict[str, int] = {}
        self._callees: dict[str, Counter[str]] = {}
        for name, steps in task.workflows.items():
            every = list(within(steps))
            self._sizes[name] = len(every)
            self._callees[name] = Counter(
                step.workflow for step in every if isinstance(step, model.Call) and step.workflow in task.workflows
            )
        self.procedures: set[str] = {name for name in self._callees if name != "main" and self._calls_itself(name)}
        self._outline()

    def _calls_itself(self, name: str) -> bool:
        seen: set[str] = set()
        waiting = list(self._callees[name])
        while waiting:
            callee = waiting.pop()
            if callee == name:
                return True
            if callee not in seen:
                seen.add(callee)
                waiting += self._callees[callee]
        return False

    def _outline(self) -> None:
        """Take the workflow out whose copies are the most, until what is left is small enough."""
        while True:
            sizes, copies = self._expanded()
            roots = ("main", *sorted(self.procedures))
            if sum(sizes[root] for root in roots if root in sizes) <= INLINE_STEPS:
                return
            saved = {
                name: sizes[name] * (count - 1)
                for name, count in copies.items()
                if name != "main" and name not in self.procedures and count > 1
            }
            if not saved:
                return
            self.procedures.add(max(sorted(saved), key=lambda name: saved[name]))

    def _expanded(self) -> tuple[dict[str, int], Counter[str]]:
        """The size of each workflow with its calls inlined, and how many copies of each there would be."""
        order = self._in_postorder()
        sizes: dict[str, int] = {}
        for name in order:
            inlined = ((callee, n) for callee, n in self._callees[name].items() if callee not in self.procedures)
            sizes[name] = self._sizes[name] + sum(n * sizes[callee] for callee, n in inlined)
        copies: Counter[str] = Counter({"main": 1} | dict.fromkeys(self.procedures, 1))
        for name in reversed(order):
            for callee, n in self._callees[name].items():
                if callee not in self.procedures:
                    copies[callee] += n * copies[name]
        return sizes, copies

    def _in_postorder(self) -> list[str]:
        order: list[str] = []
        seen: set[str] = set()
        for root in ("main", *sorted(self.procedures), *self._callees):
            stack = [(root, False)]
            while stack:
                name, expanded = stack.pop()
                if expanded:
                    order.append(name)
                elif name not in seen and name in self._callees:
                    seen.add(name)
                    stack.append((name, True))
                    stack.extend((callee, False) for callee in self._callees[name] if callee not in self.procedures)
        return order
