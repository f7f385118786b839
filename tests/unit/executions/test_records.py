"""Records as items and back, large values in blobs, one writer wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup import values
from silvercup.errors import InternalError
from silvercup.executions.keys import INIT, ExecutionRef, RecordKey
from silvercup.executions.record import BLOB_MARK, Items, Record, Values, log_of
from silvercup.executions.store import INLINE_BYTES, RECORD_BYTES, RunStore
from silvercup.executions.transition import Target, Transition
from tests.support.tables import MemoryTables

REF = ExecutionRef("tenant", "execution")
WORDS = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
TARGETS = st.builds(Target, WORDS, st.integers(0, 500), WORDS)
TRANSITIONS = st.builds(
    Transition,
    id=WORDS,
    type=st.sampled_from(["init", "step", "finish", "error", "wait", "cancelled", "finish_branch"]),
    current=TARGETS,
    next=st.none() | TARGETS,
    output=st.just(0),
    label=st.none() | WORDS,
    metadata=st.dictionaries(WORDS, JSON, max_size=2),
)


class MemoryBlobs:
    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.bodies.get(name)

    def put(self, name: str, body: bytes) -> None:
        assert self.bodies.setdefault(name, body) == body, "a blob is never overwritten with something else"

    def names(self, prefix: str, limit: int) -> list[str]:
        return sorted(name for name in self.bodies if name.startswith(prefix))[:limit]

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.bodies.pop(name, None)


def record(*texts: str, key: RecordKey = INIT, transitions: tuple[Transition, ...] = ()) -> Record:
    log, last = log_of(transitions), transitions[-1] if transitions else None
    count = len(transitions)
    return Record(key, 1_000, count, log, last, texts, 0, ("scope",), (None,), count, outs={"o1": len(texts) - 1})


@st.composite
def records(draw: st.DrawFn) -> Record:
    transitions = draw(st.lists(TRANSITIONS, max_size=4))
    texts = tuple(values.dumps(value) for value in draw(st.lists(JSON, min_size=1, max_size=3)))
    indexes = st.integers(0, len(texts) - 1)
    names = st.lists(WORDS, max_size=2).map(tuple)
    pages = st.lists(st.tuples(st.integers(0, 99), indexes), min_size=1, max_size=2)
    return Record(
        RecordKey("block", "main/o3.5/b3"),
        1_795_351_927_999_901,
        len(transitions),
        log_of(transitions),
        transitions[-1] if transitions else draw(st.none() | TRANSITIONS),
        texts,
        draw(st.none() | indexes),
        ("a", "b"),
        (None, "block:main/b1"),
        17,
        outs=draw(st.dictionaries(WORDS, indexes, max_size=2)),
        snapshots=draw(st.dictionaries(st.integers(0, 1), indexes, max_size=2)),
        sets=draw(st.dictionaries(st.integers(0, 1), st.tuples(WORDS, names), max_size=2)),
        go=draw(st.integers(-3, 9)),
        call=draw(st.none() | indexes),
        tape=draw(st.none() | indexes),
        items=draw(st.none() | st.builds(lambda count, found: Items(count, tuple(found)), st.integers(0, 500), pages)),
        rough=draw(st.booleans()),
        by=draw(st.none() | WORDS),
    )


@given(records())
def test_a_record_is_the_same_after_storage(made: Record):
    item = made.as_item(REF)
    assert Record.from_item(item) == made
    assert item["n"] == made.n
    assert (item["kind"] == "end") == (made.terminal is not None)
    assert made.last_t == made.t + max(made.n - 1, 0)
    assert made.flowing <= set(range(len(made.values)))


def test_a_record_of_the_version_before_can_be_read():
    """Transitions in the body, one operation, one ``state``."""
    at: list[Any] = ["main", 0, "scope"]
    transition = ["id", "step", at, ["main", 1, "scope"], 1, None, {"step_type": "SetStep"}]
    body = {
        "transitions": [transition],
        "out": 1,
        "scopes": ["outer", "scope"],
        "states": [None, "block:main/b3"],
        "snapshot": 0,
        "go": 0,
        "call": None,
    }
    item = {
        "pk": "x",
        "run": "y",
        "t": 5,
        "n": 1,
        "count": 9,
        "kind": "block",
        "key": "block:main/b3",
        "body": values.dumps(body),
        "values": ['{"a":1}', '"out"'],
    }
    found = Record.from_item(item)
    assert (found.n, found.count, found.values[found.out or 0], found.go) == (1, 9, '"out"', 0)
    assert found.value_of("b3") == '"out"'
    assert found.snapshots == {1: 0}
    assert found.last is not None
    assert (found.last.type, found.last.current.step, found.last.metadata) == ("step", 0, {"step_type": "SetStep"})
    assert values.loads(found.log) == [transition]
    empty = {**body, "transitions": [], "out": None, "snapshot": None}
    waited = Record.from_item({**item, "key": "wait:main/b3", "n": 0, "body": values.dumps(empty), "answer": "true"})
    assert (waited.last, waited.snapshots, waited.out) == (None, {}, 2)


def test_the_page_of_an_item():
    items = Items(10, ((0, 3), (4, 5), (8, 1)))
    assert [items.page_of(number) for number in (0, 3, 4, 7, 8, 9)] == [(0, 3)] * 2 + [(4, 5)] * 2 + [(8, 1)] * 2


def test_a_record_never_shares_a_key_with_another_place_or_kind():
    keys = [RecordKey(kind, path) for kind in ("block", "wait") for path in ("main/b1", "main/b1.0", "main/b1/b0", "main/b10")]  # fmt: skip
    assert len({REF.record_pk(key) for key in keys}) == len(keys)
    assert all(RecordKey.parse(str(key)) == key for key in keys)
    assert ExecutionRef("other", "execution").record_pk(INIT) != REF.record_pk(INIT)


def test_an_answered_wait_hands_its_answer_on():
    item = record('{"question": "?"}', key=RecordKey("wait", "main/b0")).as_item(REF)
    assert Record.from_item(item).out == 0
    answered = Record.from_item({**item, "answer": '{"yes":true}'})
    assert answered.out is not None
    assert answered.values[answered.out] == '{"yes":true}'


def test_large_values_go_to_blobs_and_come_back():
    tables, blobs = MemoryTables(), MemoryBlobs()
    store = RunStore(tables, blobs)
    small, large = values.dumps("s" * 100), values.dumps("é" * INLINE_BYTES)
    item = store.commit(REF, record(small, large))
    assert item["values"][0] == small
    assert item["values"][1].startswith(BLOB_MARK)
    assert store.load(item["values"][1]) == "é" * INLINE_BYTES
    assert list(blobs.bodies) == [item["values"][1][1:]]
    assert next(iter(blobs.bodies)).startswith("tenant/runs/execution/")


def test_many_values_under_the_limit_go_to_blobs_until_the_record_fits():
    """What later blocks need stays readable on its own; what is only shown lies with the transitions."""
    store = RunStore(MemoryTables(), MemoryBlobs())
    texts = tuple(values.dumps(f"{i}" * (INLINE_BYTES - 10)) for i in range(10))
    at = Target("main", 0, "scope")
    transitions = tuple(Transition(f"t{i}", "step", at, at, i) for i in range(8))
    made = replace(record(*texts, transitions=transitions), outs={"o1": 1, "o2": 2, "o3": 3, "o4": 4}, call=9)
    item = store.commit(REF, made)
    inline = sum(len(text) for text in item["values"] if not text.startswith(BLOB_MARK))
    assert inline <= RECORD_BYTES
    stored = Record.from_item(item)
    assert stored.flowing == {0, 1, 2, 3, 4, 7, 9}
    for index in stored.flowing:
        assert store.load(stored.values[index]) == values.loads(texts[index])
    assert stored.log.startswith(BLOB_MARK)
    assert stored.last == made.last
    shown = [(transition, store.load(text)) for transition, text in store.transitions(stored)]
    assert shown == [(transition, values.loads(texts[transition.output])) for transition in transitions]


def test_the_transitions_of_a_small_record_are_in_it():
    store = RunStore(MemoryTables(), MemoryBlobs())
    at = Target("main", 0, "scope")
    transitions = (Transition("a", "init", at, at, 1), Transition("b", "step", at, None, 0, "label", {"log": "x"}))
    stored = Record.from_item(store.commit(REF, record('"x"', '"y"', transitions=transitions)))
    assert store.transitions(stored) == [(transitions[0], '"y"'), (transitions[1], '"x"')]


def test_the_first_writer_of_a_record_wins_whole():
    store = RunStore(MemoryTables(), MemoryBlobs())
    first = store.commit(REF, record('"first"'))
    second = store.commit(REF, record('"second"'))
    assert second == first
    assert Record.from_item(second).values == ('"first"',)


def test_a_missing_blob_is_told_without_data():
    store = RunStore(MemoryTables(), MemoryBlobs())
    with pytest.raises(InternalError, match="missing"):
        store.load(f"{BLOB_MARK}tenant/runs/execution/0")


def test_equal_values_of_a_record_are_kept_once():
    collected = Values()
    assert [collected.add_value({"a": 1}), collected.add_value([2]), collected.add_value({"a": 1})] == [0, 1, 0]
