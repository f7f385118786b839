"""Slices: a block with a loop writes down how far it is, so that it may take longer than one invocation, and no record grows too large."""

from __future__ import annotations

import time
from typing import Any

from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record, Values
from silvercup.executions.store import RunStore
from silvercup.runtime.draft import Draft
from silvercup.runtime.situation import Situation
from statemachines.ir import has_loop

SLICE_SECONDS = 40.0
"""After so long a block is run once more, from its last slice."""
SLICE_TRANSITIONS = 2_000
"""After so many a slice is written; the invocation goes on."""


class Sliced(Exception):
    """The block is to be run once more.

    Attributes:
        record: The slice that it goes on from.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(str(record.key))
        self.record = record


class Slices:
    """The slices of one block, those of earlier invocations and those of this one.

    Attributes:
        tape: What operations did according to the earlier ones.
    """

    def __init__(self, store: RunStore, situation: Situation, draft: Draft) -> None:
        self._store = store
        self._situation = situation
        self._draft = draft
        self._loops = has_loop(situation.block.ops)
        self._deadline = time.monotonic() + SLICE_SECONDS
        self.tape: list[Any] = []
        found = situation.slices()
        self._number = len(found)
        self._written = 0
        if not found:
            return
        texts: list[str] = []
        for record in found:
            assert record.tape is not None
            document = situation.load(record.values[record.tape])
            texts += document["texts"]
            self.tape += document["tape"]
        draft.values = Values.of(texts, draft.values.text_of)
        draft.go_on_after(found[-1])
        self._written = len(texts)
        self._played = len(self.tape)

    _played = 0

    def look(self, tape: list[Any]) -> None:
        """Write a slice, where it is time to.

        Args:
            tape: What operations did so far.

        Raises:
            Sliced: The block is to be run once more.
        """
        if not self._loops or len(tape) <= self._played:
            return
        late = time.monotonic() > self._deadline
        if not late and self._draft.length < SLICE_TRANSITIONS:
            return
        key = RecordKey("slice", f"{self._situation.path}+{self._number}")
        record = self._draft.cut_slice(key, tape[self._played :], self._written)
        item = self._store.commit(self._situation.pointer.ref, record)
        self._number += 1
        self._written = len(self._draft.values.texts)
        self._played = len(tape)
        holds = Record.from_item(item)
        if late or holds.t != record.t:
            raise Sliced(holds)
