"""Records: what one invocation wrote, whole, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from silvercup import values
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.executions.transition import TERMINAL, Transition
from silvercup.storage import Item

BLOB_MARK = "@"
"""A stored value that starts with this names a blob; JSON text never does."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one invocation wrote.

    Attributes:
        key: Where it stands in the execution.
        t: The time of its first transition, microseconds since the epoch; each further one is a microsecond later.
        transitions: Its transitions.
        values: JSON texts, or names of blobs behind ``BLOB_MARK``; transitions and ``out`` point into them.
        out: Which value goes on to the next step; None when nothing does.
        scopes: Scope ids of the workflows it stands in, outermost first.
        states: For each of ``scopes``, the key of the record that holds its ``state`` now; None while it is empty.
        count: How many transitions the execution has up to and with this record.
        snapshot: Which value is the innermost ``state``, when this record changed it.
        go: Which branch to take (-1: none), or for a sleep the time to wake up at, in microseconds.
        call: The arguments of an effect, evaluated before it (kind ``pure``).
    """

    key: RecordKey
    t: int
    transitions: tuple[Transition, ...]
    values: tuple[str, ...]
    out: int | None
    scopes: tuple[str, ...]
    states: tuple[str | None, ...]
    count: int
    snapshot: int | None = None
    go: int = 0
    call: int | None = None

    @property
    def last_t(self) -> int:
        """The time of its last transition, or its own when it has none."""
        return self.t + max(len(self.transitions) - 1, 0)

    @property
    def terminal(self) -> Transition | None:
        """The transition that ends the execution, if one of these does."""
        last = self.transitions[-1] if self.transitions else None
        return last if last is not None and last.type in TERMINAL else None

    def as_item(self, ref: ExecutionRef) -> Item:
        """The item of the ``runs`` table."""
        body = {
            "transitions": [transition.encode() for transition in self.transitions],
            "out": self.out,
            "scopes": self.scopes,
            "states": self.states,
            "snapshot": self.snapshot,
            "go": self.go,
            "call": self.call,
        }
        return {
            "pk": ref.record_pk(self.key),
            "run": ref.run,
            "t": self.t,
            "n": len(self.transitions),
            "count": self.count,
            "kind": "end" if self.terminal is not None else self.key.kind,
            "key": str(self.key),
            "body": values.dumps(body),
            "values": list(self.values),
        }

    @classmethod
    def from_item(cls, item: Item) -> Record:
        """The record of an item; an answered wait hands its answer on."""
        body = values.loads(item["body"])
        texts, out = tuple(item["values"]), body["out"]
        if "answer" in item:
            texts, out = (*texts, item["answer"]), len(texts)
        return cls(
            key=RecordKey.parse(item["key"]),
            t=item["t"],
            transitions=tuple(Transition.decode(stored) for stored in body["transitions"]),
            values=texts,
            out=out,
            scopes=tuple(body["scopes"]),
            count=item["count"],
            states=tuple(body["states"]),
            snapshot=body["snapshot"],
            go=body["go"],
            call=body["call"],
        )


@dataclass(slots=True)
class Values:
    """Collects the values of a record that is being made; the same text is kept once."""

    texts: list[str] = field(default_factory=list[str])

    def add(self, text: str) -> int:
        """The index of a JSON text or blob name."""
        if text in self.texts:
            return self.texts.index(text)
        self.texts.append(text)
        return len(self.texts) - 1

    def add_value(self, value: Any) -> int:
        """The index of a JSON value."""
        return self.add(values.dumps(value))


def sizes(texts: Sequence[str]) -> list[int]:
    """The length of each text in UTF-8."""
    return [len(text.encode("utf-8", "surrogatepass")) for text in texts]
