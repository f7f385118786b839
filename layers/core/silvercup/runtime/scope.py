"""What an expression sees: the names of v1, loaded only where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from silvercup.errors import ExpressionError
from silvercup.expressions.views import Keyed, View
from silvercup.runtime.reads import StepIndex
from statemachines.ir import StepRef

type LoadOutput = Callable[[str | None], Any]
"""The output of an operation (None: the execution's input); raises KeyError when it has not run."""


class Steps(Keyed):
    """``steps``: the steps of this workflow that have run, by index or label; and ``inputs`` and ``outputs``."""

    def __init__(self, index: StepIndex, load: LoadOutput, show: Literal["step", "input", "output"] = "step") -> None:
        self._index = index
        self._load = load
        self._show = show

    def __repr__(self) -> str:
        return "steps" if self._show == "step" else f"{self._show}s"

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[object]:
        for i in range(len(self._index)):
            step = self._index.by_index(i)
            if step is not None and self._has_run(step):
                yield self._part(step, str(i))

    def view_getitem(self, key: object) -> object:
        """A step by index (negative ones count from the last that ran) or label."""
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise ExpressionError(f"{self!r} takes a step's number or label in brackets")
        if isinstance(key, int) and key < 0:
            return list(self)[key]
        candidates = [self._index.by_index(key)] if isinstance(key, int) else self._index.by_label(key)
        for step in candidates:
            if step is not None and (self._has_run(step) or self._only_started(step)):
                return self._part(step, repr(key))
        raise KeyError(self._why_missing(key, candidates))

    def view_json(self) -> object:
        """All of them."""
        return [part.view_json() if isinstance(part, View) else part for part in self]

    def _part(self, step: StepRef, name: str) -> object:
        if self._show == "input":
            return self._load(step.input)
        if self._show == "output":
            return self._load(step.output)
        return StepView(step, name, self._load)

    def _has_run(self, step: StepRef) -> bool:
        try:
            self._load(step.output)
        except KeyError:
            return False
        return True

    def _only_started(self, step: StepRef) -> bool:
        if self._show == "output":
            return False
        try:
            self._load(step.input)
        except KeyError:
            return False
        return True

    def _why_missing(self, key: int | str, candidates: Sequence[StepRef | None]) -> str:
        if isinstance(key, str) and not candidates:
            labels = self._index.label_names()
            there = f"; there are {', '.join(map(repr, labels[:10]))}" if labels else "; no step here has one"
            return f"no step is labelled {key[:100]!r}{there}"
        if isinstance(key, int) and key >= len(self._index):
            return f"this workflow has {len(self._index)} steps; there is no step {key}"
        return f"step {key!r} has not run yet"


class StepView(Keyed):
    """``steps[i]``: its ``input`` and ``output``."""

    def __init__(self, keys: StepRef, name: str, load: LoadOutput) -> None:
        self._keys = keys
        self._name = name
        self._load = load

    def __repr__(self) -> str:
        return f"steps[{self._name}]"

    def view_getitem(self, key: object) -> object:
        """``input`` or ``output``."""
        if key not in ("input", "output"):
            raise KeyError(f"a step has 'input' and 'output', not {str(key)[:100]!r}")
        try:
            return self._load(self._keys.input if key == "input" else self._keys.output)
        except KeyError:
            raise KeyError(f"step {self._name} has not run yet") from None

    def view_json(self) -> object:
        """Both."""
        shown = {"input": self.view_get("input")}
        try:
            return {**shown, "output": self.view_getitem("output")}
        except KeyError:
            return shown


class Scope(Mapping[str, object]):
    """The names that an operation's expressions see; each is made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], object]]) -> None:
        self._makers = makers
        self._made: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers
