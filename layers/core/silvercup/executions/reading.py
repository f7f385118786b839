"""What the API shows of executions: the execution itself, lists, and its waits."""

from __future__ import annotations

from collections.abc import Sequence

from silvercup import values
from silvercup.executions.execution import final_key, is_final, open_waits, view
from silvercup.executions.history import History
from silvercup.executions.keys import CORE, INBOX_INDEX, INDEX_BY_RUN, INIT, RUNS, ExecutionRef, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.search import Search
from silvercup.executions.store import RunStore
from silvercup.executions.tokens import TaskTokens
from silvercup.paging import Listed, Listing, ListQuery, list_items, list_page
from silvercup.storage import Item, Key, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

_LATEST = 8
"""Index entries read to find the latest record that has a transition."""
MAX_SHOWN_WAITS = 100


class Reader:
    """Reads executions for the API; everything comes from the tables, nothing from Step Functions."""

    def __init__(self, store: RunStore, tables: Tables, tokens: TaskTokens, history: History) -> None:
        self._store = store
        self._history = history
        self._tables = tables
        self._tokens = tokens

    def get(self, ref: ExecutionRef) -> JsonObject:
        """One execution.

        Raises:
            NotFound: There is none.
        """
        return self.show(ref, self._store.item(ref))

    def just_made(self, item: Item, input: JsonObject) -> JsonObject:
        """An execution that was written by this request: nothing of it has to be read."""
        return view(item, input=input, output=None, count=None, updated_at=item["created_at"], waits=[])

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
                output = self._shown(last)
        if wait_items:
            output = self._shown(Record.from_item(wait_items[0]))
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
        return self._show_list(tenant, list_items(self._tables, CORE, f"{tenant}#execution#{task_id}", query))

    def find(self, tenant: str, search: Search, query: ListQuery) -> Listed[JsonObject]:
        """The executions that a search is for, shown as in ``list``.

        Raises:
            InvalidRequest: The search can't be sorted like that, or the cursor is not one of it.
        """
        return self._show_list(tenant, list_page(self._tables, search.listing(self._tables, tenant, query), query))

    def waits(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        """The waits of all executions that are open, each with its execution."""
        inbox = Listing(
            RUNS, INBOX_INDEX, "inbox_at", tenant, lambda entries: self._inbox(tenant, entries, query), picks=True
        )
        return list_page(self._tables, inbox, query)

    def _inbox(self, tenant: str, entries: Sequence[Item], query: ListQuery) -> list[JsonObject | None]:
        refs = [ExecutionRef(tenant, entry["inbox_at"].split("#")[1]) for entry in entries]
        keys = [(Key(CORE, ref.item_pk), Key(RUNS, entry["pk"])) for ref, entry in zip(refs, entries, strict=True)]
        found = self._tables.get_many(key for pair in keys for key in pair)
        shown: list[JsonObject | None] = []
        for ref, (of_execution, of_wait) in zip(refs, keys, strict=True):
            execution, wait = found.get(of_execution), found.get(of_wait)
            if execution is None or wait is None or not _is_open(execution, wait) or not query.matches(execution):
                shown.append(None)
                continue
            names = ("task_id", "agent_id")
            shown.append(
                self._wait(ref, wait)
                | {"execution_id": ref.id, "metadata": values.loads(execution["metadata"])}
                | {name: execution[name] for name in names}
            )
        return shown

    def _show_list(self, tenant: str, listed: Listed[Item]) -> Listed[JsonObject]:
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
            output = self._shown(Record.from_item(stored))
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
            output = self._shown(Record.from_item(found[ref.record_pk(key)]))
        return view(
            item,
            input=self._input(ref, found),
            output=output,
            count=self._history.count(ref, item) if "final_rough" in item else item["final_count"],
            updated_at=item["final_t"],
            waits=[],
        )

    def _latest(self, ref: ExecutionRef) -> list[str]:
        """The partition key of the latest record with a transition, or nothing."""
        page = self._tables.query(RUNS, INDEX_BY_RUN, ref.run, descending=True, limit=_LATEST)
        return [entry["pk"] for entry in page.items if entry["n"]][:1]

    def _shown(self, record: Record) -> object:
        """The output of a record's last transition."""
        assert record.last is not None
        return self._store.load(record.values[record.last.output])

    def _input(self, ref: ExecutionRef, found: dict[str, Item]) -> object:
        item = found.get(ref.record_pk(INIT))
        if item is None:
            return {}
        record = Record.from_item(item)
        return self._store.load(record.values[record.out or 0])

    def _wait(self, ref: ExecutionRef, item: Item) -> JsonObject:
        """An open wait as the API shows it."""
        record = Record.from_item(item)
        assert record.last is not None
        return {
            "transition_id": record.last.id,
            "task_token": self._tokens.make(ref, ref.record_hash(record.key)),
            "info": self._shown(record),
            "since": iso(record.last_t),
            "deadline": iso(item["deadline"] * 1_000_000),
        }


def _is_open(execution: Item, wait: Item) -> bool:
    """Whether an answer to a wait would be taken: the index may still have it when it would not."""
    path = RecordKey.parse(wait["key"]).path
    return (
        not is_final(execution)
        and "gone" not in execution
        and wait.get("wait") == "open"
        and path in (execution.get("open_waits") or ())
    )
