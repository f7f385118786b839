"""Feeds that the event streams poll: transitions as they come, and the execution whenever it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from silvercup.errors import InvalidRequest
from silvercup.executions.execution import final_key, is_final
from silvercup.executions.history import History, hidden
from silvercup.executions.keys import INDEX_BY_RUN, RUNS, ExecutionRef
from silvercup.executions.reading import Reader
from silvercup.executions.store import RunStore
from silvercup.ids import decode_cursor, encode_cursor
from silvercup.storage import Item, Tables
from silvercup.values import JsonObject

_OVERLAP_US = 5_000_000
"""How far back each poll looks: an index may show an earlier record after a later one."""
_LAST_POLLS = 20
"""Polls after the end in which a lagging index may still bring records."""
_ROUGH_POLLS = 3
"""Polls after the end of an execution whose count may miss transitions."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        data: What is sent.
        token: Where a stream that starts again goes on.
    """

    data: JsonObject
    token: str | None = None


class Feed(Protocol):
    """Something to poll until it is done."""

    @property
    def done(self) -> bool:
        """Whether the terminal event was handed out."""
        ...

    def poll(self) -> list[Event]:
        """What is new since the last poll."""
        ...


class TransitionFeed:
    """Every transition, oldest first, the terminal one last."""

    def __init__(
        self, ref: ExecutionRef, token: str | None, *, store: RunStore, history: History, tables: Tables
    ) -> None:
        self._ref = ref
        self._store = store
        self._history = history
        self._tables = tables
        self._t, self._sent = _position(token)
        self._from_t = self._t
        self._seen: dict[str, int] = {}
        self._ended_polls = 0
        self._done = False
        store.item(ref)

    @property
    def done(self) -> bool:
        """Whether the terminal event was handed out."""
        return self._done

    def poll(self) -> list[Event]:
        """The transitions since the last poll; at most some hundred at once."""
        item = self._store.item(self._ref)
        entries = self._new_entries(item)
        terminal_pk = self._ref.record_pk(final_key(item)) if is_final(item) else None
        pks = [entry["pk"] for entry in entries if entry["pk"] != terminal_pk]
        found = self._store.records(pks)
        events = self._events([found[pk] for pk in pks if pk in found])
        if terminal_pk is not None and len(entries) < _PAGE:
            self._ended_polls += 1
            terminal = self._store.records([terminal_pk]).get(terminal_pk)
            missing = item["final_count"] - self._sent - (terminal["n"] if terminal else 1)
            if "final_rough" in item:
                missing = max(missing, _ROUGH_POLLS - self._ended_polls)
            if terminal is not None and (missing <= 0 or self._ended_polls > _LAST_POLLS):
                events += self._events([terminal])
                self._done = True
            elif self._ended_polls > _LAST_POLLS:
                self._done = True
        return events

    def _new_entries(self, item: Item) -> list[Item]:
        page = self._tables.query(
            RUNS,
            INDEX_BY_RUN,
            self._ref.run,
            limit=_PAGE + len(self._seen),
            after=max(self._t - _OVERLAP_US, 0),
        )
        floor = self._t - _OVERLAP_US
        self._seen = {pk: t for pk, t in self._seen.items() if t > floor}
        return [
            entry
            for entry in page.items
            if entry["n"]
            and entry["pk"] not in self._seen
            and not hidden(self._ref, item, entry)
            and entry["kind"] != "end"
        ]

    def _events(self, items: list[Item]) -> list[Event]:
        events: list[Event] = []
        for item in items:
            self._seen[item["pk"]] = item["t"]
            for shown, t in self._history.show_all(self._ref, [item]):
                if t <= self._from_t:
                    continue
                self._t = max(self._t, t)
                self._sent += 1
                token = encode_cursor([self._t, self._sent])
                events.append(Event({"transition": shown, "next_page_token": token}, token))
        return events


class StatusFeed:
    """The execution, whenever it has changed."""

    def __init__(self, ref: ExecutionRef, *, store: RunStore, reader: Reader) -> None:
        self._ref = ref
        self._store = store
        self._reader = reader
        self._last: JsonObject | None = None
        self._done = False
        store.item(ref)

    @property
    def done(self) -> bool:
        """Whether the final status was handed out."""
        return self._done

    def poll(self) -> list[Event]:
        """The execution if it is not as it was."""
        item = self._store.item(self._ref)
        now = self._reader.show(self._ref, item)
        self._done = is_final(item)
        if now == self._last:
            return []
        self._last = now
        return [Event({**now, "execution_id": self._ref.id})]


def _position(token: str | None) -> tuple[int, int]:
    if token is None:
        return 0, 0
    position = decode_cursor(token)
    if not (isinstance(position, list) and len(position) == 2 and all(isinstance(n, int) for n in position)):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise InvalidRequest("The next_page_token is not one that this stream gave out")
    return position[0], position[1]  # pyright: ignore[reportUnknownVariableType]
