"""Records: what one invocation wrote, whole, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        n: How many transitions it has.
        log: Its transitions, or where they are; see ``RunStore.transitions``.
        last: Its last transition, or else that of the record before: where the execution stands.
        values: JSON texts, or names of blobs behind ``BLOB_MARK``, or texts with references to secrets (``hidden``); ``out``, ``outs`` and others point into them.
        out: Which value goes on to the next step; None when nothing does.
        outs: Which value is an operation's output, by the operation's id.
        scopes: Scope ids of the workflows it stands in, outermost first.
        states: For each of ``scopes``, the key of the record that holds its ``state`` now; None while it is empty.
        count: How many transitions the execution has up to and with this record.
        snapshots: Which value is the ``state`` of a scope (by its place in ``scopes``), where this record changed it.
        sets: For each of these scopes in a branch or iteration that runs beside others: which branch, and the names set in it.
        go: What the state machine is to do: which branch to take (-1: none), or for a sleep the time to wake up at, in microseconds.
        call: The arguments of an effect, evaluated before it (kind ``pure``); what a model said in a round, or what a call of its tools
            came to (kinds ``round`` and ``call``).
        tape: Which value says what the operations of a long block did since the slice before: ``{texts, tape}`` (kind ``slice``).
        items: Of a loop that it opens: how many items there are, and the values that hold them, each with its first number.
        rough: Whether ``count`` may miss transitions of branches that a ``return`` stopped.
        by: The path of the block, where the key is not made of it (kind ``return``).
    """

    key: RecordKey
    t: int
    n: int
    log: str
    last: Transition | None
    values: tuple[str, ...]
    out: int | None
    scopes: tuple[str, ...]
    states: tuple[str | None, ...]
    count: int
    outs: Mapping[str, int] = field(default_factory=dict[str, int])
    snapshots: Mapping[int, int] = field(default_factory=dict[int, int])
    sets: Mapping[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict[int, tuple[str, tuple[str, ...]]])
    go: int = 0
    call: int | None = None
    tape: int | None = None
    items: Items | None = None
    rough: bool = False
    by: str | None = None

    @property
    def last_t(self) -> int:
        """The time of its last transition, or its own when it has none."""
        return self.t + max(self.n - 1, 0)

    @property
    def terminal(self) -> Transition | None:
        """The transition that ends the execution, if one of these does."""
        return self.last if self.n and self.last is not None and self.last.type in TERMINAL else None

    @property
    def text_of_call(self) -> str | None:
        """The stored text of ``call``; None when there is none."""
        return None if self.call is None else self.values[self.call]

    @property
    def flowing(self) -> set[int]:
        """The values that a later block may need; the others are only shown."""
        if self.tape is not None:
            return set(range(len(self.values)))
        named = {self.out, self.call, *self.outs.values(), *self.snapshots.values()}
        if self.n and self.last is not None:
            named.add(self.last.output)
        pages = () if self.items is None else (index for _, index in self.items.pages)
        return {index for index in (*named, *pages) if index is not None}

    def value_of(self, op: str) -> str | None:
        """The stored text of an operation's output; None when it has none here."""
        index = self.outs.get(op)
        return None if index is None else self.values[index]

    def as_item(self, ref: ExecutionRef) -> Item:
        """The item of the ``runs`` table."""
        body: dict[str, Any] = {
            "last": None if self.last is None else self.last.encode(),
            "out": self.out,
            "outs": self.outs,
            "scopes": self.scopes,
            "states": self.states,
            "go": self.go,
        }
        if self.snapshots:
            body["snapshots"] = {str(depth): index for depth, index in self.snapshots.items()}
        if self.sets:
            body["sets"] = {str(depth): found for depth, found in self.sets.items()}
        if self.call is not None:
            body["call"] = self.call
        if self.tape is not None:
            body["tape"] = self.tape
        if self.items is not None:
            body["items"] = [self.items.count, self.items.pages]
        if self.rough:
            body["rough"] = True
        if self.by is not None:
            body["by"] = self.by
        return {
            "pk": ref.record_pk(self.key),
            "run": ref.run,
            "t": self.t,
            "n": self.n,
            "count": self.count,
            "kind": "end" if self.terminal is not None else self.key.kind,
            "key": str(self.key),
            "body": values.dumps(body),
            "log": self.log,
            "values": list(self.values),
        }

    @classmethod
    def from_item(cls, item: Item) -> Record:
        """The record of an item; an answered wait hands its answer on."""
        body = values.loads(item["body"])
        texts, out = tuple(item["values"]), body["out"]
        if "answer" in item:
            texts, out = (*texts, item["answer"]), len(texts)
        if "log" not in item:
            body, item = _from_format_1(body, item)
        last, items = body["last"], body.get("items")
        return cls(
            key=RecordKey.parse(item["key"]),
            t=item["t"],
            n=item["n"],
            log=item["log"],
            last=None if last is None else Transition.decode(last),
            values=texts,
            out=out,
            outs=body["outs"],
            scopes=tuple(body["scopes"]),
            states=tuple(body["states"]),
            count=item["count"],
            snapshots={int(depth): index for depth, index in body.get("snapshots", {}).items()},
            sets={int(depth): (tag, tuple(names)) for depth, (tag, names) in body.get("sets", {}).items()},
            go=body["go"],
            call=body.get("call"),
            tape=body.get("tape"),
            items=None if items is None else Items(items[0], tuple((first, index) for first, index in items[1])),
            rough=body.get("rough", False),
            by=body.get("by"),
        )


@dataclass(frozen=True, slots=True)
class Items:
    """What a loop goes over.

    Attributes:
        count: How many items.
        pages: The number of a page's first item, and which value of the record is the page (a list).
    """

    count: int
    pages: tuple[tuple[int, int], ...]

    def page_of(self, number: int) -> tuple[int, int]:
        """The page that an item is on."""
        return next(page for page in reversed(self.pages) if page[0] <= number)


def log_of(transitions: Sequence[Transition]) -> str:
    """Transitions as they are stored; their outputs point into the record's values."""
    return values.dumps([transition.encode() for transition in transitions])


def _from_format_1(body: dict[str, Any], item: Item) -> tuple[dict[str, Any], Item]:
    """A record as the version before wrote it: its transitions in the body, one operation, named like its block."""
    key = RecordKey.parse(item["key"])
    snapshot = body["snapshot"]
    transitions = body["transitions"]
    name = key.path.rpartition("/")[2]
    body = {
        **body,
        "last": transitions[-1] if transitions else None,
        "outs": {} if body["out"] is None or not name else {name: body["out"]},
        "snapshots": {} if snapshot is None else {str(len(body["scopes"]) - 1): snapshot},
    }
    return body, {**item, "log": values.dumps(transitions)}


@dataclass(slots=True)
class Values:
    """Collects the values of a record that is being made; the same text is kept once.

    Attributes:
        texts: The stored texts.
        text_of: Makes the stored text of a JSON value.
    """

    texts: list[str] = field(default_factory=list[str])
    text_of: Callable[[Any], str] = values.dumps
    _known: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, texts: Sequence[str], text_of: Callable[[Any], str] = values.dumps) -> Values:
        """Values that are there already, each at its place."""
        found = cls(list(texts), text_of)
        for index, text in enumerate(texts):
            found._known.setdefault(text, index)
        return found

    def add(self, text: str) -> int:
        """The index of a stored text."""
        index = self._known.setdefault(text, len(self.texts))
        if index == len(self.texts):
            self.texts.append(text)
        return index

    def add_value(self, value: Any) -> int:
        """The index of a JSON value."""
        return self.add(self.text_of(value))


def sizes(texts: Sequence[str]) -> list[int]:
    """The length of each text in UTF-8."""
    return [len(text.encode("utf-8", "surrogatepass")) for text in texts]
