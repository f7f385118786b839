"""What the API shows of executions: the execution itself, lists, and its waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from silvercup import values
from silvercup.errors import NotFound
from silvercup.executions.execution import final_key, is_final, open_waits, view
from silvercup.executions.history import History, hidden
from silvercup.executions.keys import CORE, INBOX_INDEX, INDEX_BY_RUN, INIT, RUNS, ExecutionRef, RecordKey
from silvercup.executions.record import Record
from silvercup.executions.search import Search
from silvercup.executions.store import RunStore
from silvercup.executions.tokens import TaskTokens
from silvercup.listing import Listing, Owner, item_listing, list_page
from silvercup.paging import Listed, ListQuery
from silvercup.storage import Item, Key, Tables
from silvercup.times import iso
from silvercup.values import JsonObject

_LATEST = (8, 100, 1000)
"""Index entries read, a page after the other, to find the latest record that has a transition: joins have none."""
MAX_SHOWN_WAITS = 100


class Reader:
    """Reads executions for the API; everything comes from the tables, nothing from Step Functions."""

    def __init__(self, store: RunStore, tables: Tables, tokens: TaskTokens) -> None:
        self._store = store
        self._history = History(store, tables)
        self._tables = tables
        self._tokens = tokens

    def get(self, ref: ExecutionRef) -> JsonObject:
        """One execution: its latest record is found first, and read together with its item.

        Raises:
            NotFound: There is none.
        """
        latest = self._latest(ref, None)
        item_key = Key(CORE, ref.item_pk)
        found = self._tables.get_many([item_key, *_records(ref.record_pk(INIT), *latest)])
        item = found.get(item_key)
        if item is None or "gone" in item:
            raise NotFound(f"There is no execution {ref.id}")
        shown = [found[key] for key in _records(*latest) if key in found]
        if not is_final(item) and any(hidden(ref, item, entry) for entry in shown):
            latest = self._latest(ref, item)
        return self._show(ref, item, latest, found)

    def just_made(self, item: Item, input: JsonObject) -> JsonObject:
        """An execution that was written by this request: nothing of it has to be read."""
        return view(item, input=input, output=None, count=None, updated_at=item["created_at"], waits=[])

    def show(self, ref: ExecutionRef, item: Item) -> JsonObject:
        """An execution whose item is at hand."""
        return self._show(ref, item, [] if is_final(item) else self._latest(ref, item), {})

    def list(self, tenant: str, task_id: str, query: ListQuery, owner: Owner | None = None) -> Listed[JsonObject]:
        """The executions of a task; those that have not ended show no output and count.

        Raises:
            NotFound: The owner is not there.
        """
        listing = item_listing(CORE, f"{tenant}#execution#{task_id}", query, owner)
        return list_page(self._tables, self._whole(tenant, listing), query)

    def find(self, tenant: str, search: Search, query: ListQuery) -> Listed[JsonObject]:
        """The executions that a search is for, shown as in ``list``.

        Raises:
            InvalidRequest: The search can't be sorted like that, or the cursor is not one of it.
        """
        listing = search.listing(tenant, query)
        if not listing.picks:
            return list_page(self._tables, self._whole(tenant, listing), query)
        listed = list_page(self._tables, listing, query)
        return Listed([one for one in self._entries(tenant, listed.items, {}) if one], listed.next_cursor)

    def waits(self, tenant: str, query: ListQuery) -> Listed[JsonObject]:
        """The waits of all executions that are open, each with its execution."""

        def show(entries: Sequence[Item], found: Mapping[Key, Item]) -> Sequence[JsonObject | None]:
            return [self._inbox_wait(tenant, entry, found, query) for entry in entries]

        inbox = Listing(
            RUNS, INBOX_INDEX, "inbox_at", tenant, lambda entry: _inbox_keys(tenant, entry), show, picks=True
        )
        return list_page(self._tables, inbox, query)

    def _show(self, ref: ExecutionRef, item: Item, latest: Sequence[str], found: Mapping[Key, Item]) -> JsonObject:
        """An execution, of which some records are at hand."""
        ended = is_final(item)
        waits = [] if ended else open_waits(item)[:MAX_SHOWN_WAITS]
        shown = [ref.record_pk(key) for key in ([final_key(item)] if ended else waits)]
        found = self._with(found, _records(ref.record_pk(INIT), *shown, *(() if ended else latest)))
        records = [found[key] for key in _records(*shown) if key in found]
        if ended:
            entry = self._list_entry(ref, item, found)
            return entry | ({"transition_count": self._history.count(ref, item)} if "final_rough" in item else {})
        newest = [*records, *(found[key] for key in _records(*latest) if key in found)]
        last = max(map(Record.from_item, newest), key=lambda record: record.last_t, default=None)
        output = None
        if records:
            output = self._shown(Record.from_item(records[0]))
        elif last is not None and last.key != INIT:
            output = self._shown(last)
        return view(
            item if records else _without_waits(item),
            input=self._input(ref, found),
            output=output,
            count=None if last is None or item["status"] == "queued" else last.count,
            updated_at=item["created_at"] if last is None else last.last_t,
            waits=[self._wait(ref, wait) for wait in records],
        )

    def _with(self, found: Mapping[Key, Item], keys: Iterable[Key]) -> Mapping[Key, Item]:
        """What was read, and what more is needed."""
        missing = {key for key in keys if key not in found}
        return {**found, **self._tables.get_many(missing)} if missing else found

    def _whole(self, tenant: str, listing: Listing[Item]) -> Listing[JsonObject]:
        """The same list of executions with what they show: it lies in records, which are read with the items as far as the index names them."""

        def keys(entry: Item) -> Iterator[Key]:
            yield from listing.keys(entry)
            ref = ExecutionRef(tenant, entry["pk"].rpartition("#")[2])
            yield from _records(ref.record_pk(INIT))
            if is_final(entry):
                yield from _records(ref.record_pk(final_key(entry)))

        def show(entries: Sequence[Item], found: Mapping[Key, Item]) -> Sequence[JsonObject | None]:
            return self._entries(tenant, listing.show(entries, found), found)

        return listing.showing(keys, show)

    def _inbox_wait(self, tenant: str, entry: Item, found: Mapping[Key, Item], query: ListQuery) -> JsonObject | None:
        of_execution, of_wait = _inbox_keys(tenant, entry)
        execution, wait = found.get(of_execution), found.get(of_wait)
        if execution is None or wait is None or not _is_open(execution, wait) or not query.matches(execution):
            return None
        names = ("task_id", "agent_id")
        return (
            self._wait(_inbox_ref(tenant, entry), wait)
            | {"execution_id": execution["id"], "metadata": values.loads(execution["metadata"])}
            | {name: execution[name] for name in names}
        )

    def _entries(self, tenant: str, items: Sequence[Item | None], found: Mapping[Key, Item]) -> list[JsonObject | None]:
        """Executions as lists show them; what was not read yet is read at once for all of them."""
        refs = [None if item is None else (ExecutionRef(tenant, item["id"]), item) for item in items]
        keys = [key for pair in refs if pair for key in _records(*_shown_records(*pair))]
        found = self._with(found, keys)
        return [self._list_entry(*pair, found) if pair else None for pair in refs]

    def _list_entry(self, ref: ExecutionRef, item: Item, found: Mapping[Key, Item]) -> JsonObject:
        stored = [found[key] for key in _records(*_shown_records(ref, item)[1:]) if key in found]
        output = None
        if stored:
            output = self._shown(Record.from_item(stored[0]))
        return view(
            item,
            input=self._input(ref, found),
            output=output,
            count=item.get("final_count"),
            updated_at=item.get("final_t", item["created_at"]),
            waits=[],
        )

    def _latest(self, ref: ExecutionRef, item: Item | None) -> list[str]:
        """The partition key of the latest record with a transition that is shown (with no item: of any), or nothing."""
        start: Item | None = None
        for limit in _LATEST:
            page = self._tables.query(RUNS, INDEX_BY_RUN, ref.run, descending=True, limit=limit, start=start)
            for entry in page.items:
                if entry["n"] and (item is None or not hidden(ref, item, entry)):
                    return [entry["pk"]]
            start = page.next
            if start is None:
                break
        return []

    def _shown(self, record: Record) -> object:
        """The output of a record's last transition."""
        assert record.last is not None
        return self._store.load(record.values[record.last.output])

    def _input(self, ref: ExecutionRef, found: Mapping[Key, Item]) -> object:
        item = found.get(Key(RUNS, ref.record_pk(INIT)))
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


def _without_waits(item: Item) -> Item:
    """An execution whose waits are announced and not written yet: there is nothing that could be answered."""
    return {name: value for name, value in item.items() if name != "open_waits"}


def _records(*pks: str) -> list[Key]:
    return [Key(RUNS, pk) for pk in pks]


def _shown_records(ref: ExecutionRef, item: Item) -> list[str]:
    """The records that hold an execution's input and, where it has something to show, its output."""
    shown = [final_key(item)] if is_final(item) else open_waits(item)[:1]
    return [ref.record_pk(key) for key in (INIT, *shown)]


def _inbox_ref(tenant: str, entry: Item) -> ExecutionRef:
    return ExecutionRef(tenant, entry["inbox_at"].split("#")[1])


def _inbox_keys(tenant: str, entry: Item) -> tuple[Key, Key]:
    """An open wait's execution and its record."""
    return Key(CORE, _inbox_ref(tenant, entry).item_pk), Key(RUNS, entry["pk"])


def _is_open(execution: Item, wait: Item) -> bool:
    """Whether an answer to a wait would be taken: the index may still have it when it would not."""
    path = RecordKey.parse(wait["key"]).path
    return (
        not is_final(execution)
        and "gone" not in execution
        and wait.get("wait") == "open"
        and path in (execution.get("open_waits") or ())
    )
