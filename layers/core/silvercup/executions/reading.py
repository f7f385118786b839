"""What the API shows of executions: the execution itself, lists, and its waits."""

from __future__ import annotations

from silvercup.executions.execution import final_key, is_final, open_waits, view
from silvercup.executions.keys import CORE, INDEX_BY_RUN, INIT, RUNS, ExecutionRef
from silvercup.executions.record import Record
from silvercup.executions.store import RunStore
from silvercup.executions.tokens import TaskTokens
from silvercup.paging import Listed, ListQuery, list_items
from silvercup.storage import Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

_LATEST = 8
"""Index entries read to find the latest record that has a transition."""
MAX_SHOWN_WAITS = 100


class Reader:
    """Reads executions for the API; everything comes from the tables, nothing from Step Functions."""

    def __init__(self, store: RunStore, tables: Tables, tokens: TaskTokens) -> None:
        self._store = store
        self._tables = tables
        self._tokens = tokens

    def get(self, ref: ExecutionRef) -> JsonObject:
        """One execution.

        Raises:
            NotFound: There is none.
        """
        return self.show(ref, self._store.item(ref))

    def show(self, ref: ExecutionRef, item: Item) -> JsonObject:
        """An execution whose item is at hand."""
        if is_final(item):
            return self._show_final(ref, item)
        latest = self._latest(ref)
        waits = open_waits(item)[:MAX_SHOWN_WAITS]
        found = self._store.records({ref.record_pk(INIT), *(ref.record_pk(key) for key in waits), *latest})
        wait_items = [found[ref.record_pk(key)] for key in waits if ref.record_pk(key) in found]
        last = Record.from_item(found[latest[0]]) if latest and latest[0] in found else None
        output, updated_at = None, item["created_at"]
        if last is not None:
            updated_at = last.last_t
            if last.key != INIT:
                output = self._store.load(last.values[last.transitions[-1].output])
        if wait_items:
            first = Record.from_item(wait_items[0])
            output = self._store.load(first.values[first.transitions[0].output])
        return view(
            item,
            input=self._input(ref, found),
            output=output,
            count=None if last is None or item["status"] == "queued" else last.count,
            updated_at=updated_at,
            waits=[self._wait(ref, wait) for wait in wait_items],
        )

    def list(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]:
        """The executions of a task; those that have not ended show no output and count."""
        listed = list_items(self._tables, CORE, f"{tenant}#execution#{task_id}", query)
        items = listed.items
        refs = [ExecutionRef(tenant, item["id"]) for item in items]
        wanted: set[str] = set()
        for ref, item in zip(refs, items, strict=True):
            wanted.add(ref.record_pk(INIT))
            if is_final(item):
                wanted.add(ref.record_pk(final_key(item)))
            wanted |= {ref.record_pk(key) for key in open_waits(item)[:1]}
        found = self._store.records(wanted)
        shown = [self._list_entry(ref, item, found) for ref, item in zip(refs, items, strict=True)]
        return Listed(shown, listed.next_cursor)

    def _list_entry(self, ref: ExecutionRef, item: Item, found: dict[str, Item]) -> JsonObject:
        shown = [final_key(item)] if is_final(item) else open_waits(item)[:1]
        stored = found.get(ref.record_pk(shown[0])) if shown else None
        output = None
        if stored is not None:
            record = Record.from_item(stored)
            output = self._store.load(record.values[record.transitions[-1].output])
        return view(
            item,
            input=self._input(ref, found),
            output=output,
            count=item.get("final_count"),
            updated_at=item.get("final_t", item["created_at"]),
            waits=[],
        )

    def _show_final(self, ref: ExecutionRef, item: Item) -> JsonObject:
        key = final_key(item)
        found = self._store.records({ref.record_pk(INIT), ref.record_pk(key)})
        output = None
        if ref.record_pk(key) in found:
            record = Record.from_item(found[ref.record_pk(key)])
            output = self._store.load(record.values[record.transitions[-1].output])
        return view(
            item,
            input=self._input(ref, found),
            output=output,
            count=item["final_count"],
            updated_at=item["final_t"],
            waits=[],
        )

    def _latest(self, ref: ExecutionRef) -> list[str]:
        """The partition key of the latest record with a transition, or nothing."""
        page = self._tables.query(RUNS, INDEX_BY_RUN, ref.run, descending=True, limit=_LATEST)
        return [entry["pk"] for entry in page.items if entry["n"]][:1]

    def _input(self, ref: ExecutionRef, found: dict[str, Item]) -> object:
        item = found.get(ref.record_pk(INIT))
        if item is None:
            return {}
        record = Record.from_item(item)
        return self._store.load(record.values[record.out or 0])

    def _wait(self, ref: ExecutionRef, item: Item) -> JsonObject:
        """An open wait as the API shows it."""
        record = Record.from_item(item)
        transition = record.transitions[0]
        return {
            "transition_id": transition.id,
            "task_token": self._tokens.make(ref, ref.record_hash(record.key)),
            "info": self._store.load(record.values[transition.output]),
            "since": iso(record.t),
            "deadline": iso(item["deadline"] * 1_000_000),
        }
