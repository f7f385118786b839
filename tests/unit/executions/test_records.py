"""Records as items and back, large values in blobs, one writer wins."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup import values
from silvercup.errors import InternalError
from silvercup.executions.keys import INIT, ExecutionRef, RecordKey
from silvercup.executions.record import BLOB_MARK, Record, Values
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
    return Record(key, 1_000, transitions, texts, 0, ("scope",), (None,), len(transitions))


@given(st.lists(TRANSITIONS, max_size=4), st.lists(JSON, min_size=1, max_size=3), st.none() | st.integers(-1, 9))
def test_a_record_is_the_same_after_storage(transitions: list[Transition], given_values: list[object], go: int | None):
    texts = tuple(values.dumps(value) for value in given_values)
    made = Record(
        RecordKey("block", "main/b3"),
        1_795_351_927_999_901,
        tuple(transitions),
        texts,
        0,
        ("a", "b"),
        (None, "block:main/b1"),
        17,
        snapshot=None,
        go=go or 0,
    )
    item = made.as_item(REF)
    assert Record.from_item(item) == made
    assert item["n"] == len(transitions)
    assert (item["kind"] == "end") == (made.terminal is not None)


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
    store = RunStore(MemoryTables(), MemoryBlobs())
    texts = tuple(values.dumps(f"{i}" * (INLINE_BYTES - 10)) for i in range(10))
    item = store.commit(REF, record(*texts))
    inline = sum(len(text) for text in item["values"] if not text.startswith(BLOB_MARK))
    assert inline <= RECORD_BYTES
    assert [store.load(text) for text in item["values"]] == [values.loads(text) for text in texts]


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
