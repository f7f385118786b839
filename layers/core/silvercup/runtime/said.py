"""What was said in the rounds of a prompt so far, from their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.llm.model import NO_RESULT, usage
from silvercup.runtime.situation import Situation
from silvercup.storage import Item
from silvercup.tool_types import MOST_ROUNDS
from silvercup.tools.content import as_content
from silvercup.values import JsonObject

type Load = Callable[[str], Any]


def open_calls(message: JsonObject) -> list[JsonObject]:
    """The calls of tools that a message makes."""
    return message.get("tool_calls") or []


def waited(record: Record) -> bool:
    """Whether the last transition up to a record is a wait, so that what it was answered with has not been shown."""
    return record.last is not None and record.last.type == "wait"


class Round:
    """One round in which the model called tools.

    Attributes:
        record: What it said.
        completion: The same, decoded.
        calls: Its calls.
        end: The record that the next round follows: the wait, where there was one.
    """

    def __init__(self, record: Record, load: Load) -> None:
        self.record = record
        self.end = record
        self.completion = cast("JsonObject", load(cast("str", record.text_of_call)))
        self.calls = open_calls(self.message)
        self._load = load
        self._results: dict[int, str] = {}

    @property
    def message(self) -> JsonObject:
        """What the model said."""
        return self.completion["choices"][0]["message"]

    @property
    def unanswered(self) -> list[int]:
        """The numbers of the calls that have no result."""
        return [i for i in range(len(self.calls)) if i not in self._results]

    @property
    def messages(self) -> list[JsonObject]:
        """What the model said, and the results of its calls."""
        results = [
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "name": call["function"]["name"],
                "content": self._results[i],
            }
            for i, call in enumerate(self.calls)
        ]
        return [self.message, *results]

    def take(self, number: int, record: Record) -> None:
        """Take the result of a call that was run here."""
        self._results[number] = self._load(cast("str", record.text_of_call))

    def take_answer(self, record: Record) -> None:
        """Take the answer of the wait: the results of all calls that have none by now, by id; of a single one it may be the result itself."""
        self.end = record
        answer: Any = None if record.out is None else self._load(record.values[record.out])
        left = self.unanswered
        otherwise: Any = answer if len(left) == 1 else NO_RESULT
        by_id: Mapping[str, Any] = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
        for i in left:
            self._results[i] = as_content(by_id.get(self.calls[i]["id"], otherwise))


class Said:
    """The rounds so far.

    Attributes:
        rounds: In order.
    """

    def __init__(self, prepared: Record) -> None:
        self._prepared = prepared
        self.rounds: list[Round] = []

    @classmethod
    def read(cls, store: RunStore, situation: Situation, prepared: Record) -> Said:
        """Read the rounds of the situation's block; where the first has not been, that costs nothing."""
        said = cls(prepared)
        first = RecordKey("round", f"{situation.path}+0")
        if first not in situation.own:
            return said
        ref, paths = situation.pointer.ref, [f"{situation.path}+{number}" for number in range(MOST_ROUNDS)]
        keys = [RecordKey(kind, path) for path in paths for kind in ("round", "wait")]
        found = store.read_records(ref, keys)
        rounds = [RecordKey("round", path) for path in paths]
        made = [Round(Record.from_item(found[key]), situation.load) for key in rounds if key in found]
        calls = [RecordKey("call", f"{one.record.key.path}.{i}") for one in made for i in range(len(one.calls))]
        found |= store.read_records(ref, calls)
        for one in made:
            said.add(one)
            _take(one, found)
        return said

    @property
    def last(self) -> Round | None:
        """The last round."""
        return self.rounds[-1] if self.rounds else None

    @property
    def end(self) -> Record:
        """The record that the next round follows."""
        return self.rounds[-1].end if self.rounds else self._prepared

    @property
    def messages(self) -> list[JsonObject]:
        """What was said."""
        return [message for one in self.rounds for message in one.messages]

    def add(self, one: Round) -> None:
        """One more round."""
        self.rounds.append(one)

    def usage_with(self, completion: JsonObject) -> JsonObject:
        """What all rounds used, with the last answer."""
        used = [
            cast("JsonObject", one.get("usage") or {}) for one in (*(r.completion for r in self.rounds), completion)
        ]
        return usage(
            sum(one.get("prompt_tokens") or 0 for one in used), sum(one.get("completion_tokens") or 0 for one in used)
        )


def _take(one: Round, found: Mapping[RecordKey, Item]) -> None:
    path = one.record.key.path
    for i in range(len(one.calls)):
        item = found.get(RecordKey("call", f"{path}.{i}"))
        if item is not None:
            one.take(i, Record.from_item(item))
    wait = found.get(RecordKey("wait", path))
    if wait is not None and "answer" in wait:
        one.take_answer(Record.from_item(wait))
