"""Tables in memory, counted: what services are tested with when DynamoDB itself does not matter."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import batched
from typing import Any

from silvercup.errors import ConditionFailed
from silvercup.resources.file_store import Signed, Stored
from silvercup.storage import Change, Item, Key, Page
from silvercup.usage.spending import ATTRIBUTES

_RANGE = {
    "by_created": ("ix", "created"),
    "by_updated": ("ix", "updated"),
    "by_tenant": ("all", "created"),
    "all_docs": ("all", "id"),
    "by_state": ("state", "created"),
    "by_run": ("run", "t"),
    "sweep": ("sweep", "sweep_at"),
    "inbox": ("inbox", "inbox_at"),
    "usage": ("spent", "spent_at"),
}


class MemoryTables:
    """``storage.Tables`` in a dict; writes are atomic. Conditions are ``#name = :arg`` and ``attribute_(not_)exists(#name)``, with AND, OR and brackets.

    Attributes:
        requests: The kinds of requests that were made, in order.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.requests: list[str] = []
        self._writing = threading.RLock()

    def get(self, key: Key) -> Item | None:
        self.requests.append("get")
        return deepcopy(self.items.get(key))

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        self.requests.append("get_many")
        return {key: deepcopy(self.items[key]) for key in keys if key in self.items}

    def put(
        self,
        table: str,
        item: Item,
        *,
        if_absent: bool = False,
        condition: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        self.requests.append("put")
        key = Key(table, item["pk"])
        with self._writing:
            old = self.items.get(key)
            if (if_absent and old is not None) or not self._holds(old, condition, args or {}):
                raise ConditionFailed(deepcopy(old))
            self.items[key] = _present(item)

    def put_many(self, items: Iterable[tuple[str, Item]]) -> None:
        self.requests.append("put_many")
        for table, item in items:
            self.items[Key(table, item["pk"])] = _present(item)

    def update(self, key: Key, change: Change) -> Item:
        self.requests.append("update")
        with self._writing:
            old = self.items.get(key)
            if not self._holds(old, change.condition, change.args):
                raise ConditionFailed(deepcopy(old))
            new = _present({**(old or {"pk": key.pk}), **change.set})
            for name in change.remove:
                new.pop(name, None)
            for name, some in change.add_to.items():
                new[name] = {*new.get(name, ()), *some}
            for name, some in change.delete_from.items():
                new[name] = set(new.get(name, ())) - some
                if not new[name]:
                    del new[name]
            self.items[key] = new
            return deepcopy(new)

    def delete(self, key: Key, *, condition: str | None = None, args: Mapping[str, Any] | None = None) -> None:
        self.requests.append("delete")
        with self._writing:
            old = self.items.get(key)
            if not self._holds(old, condition, args or {}):
                raise ConditionFailed(deepcopy(old))
            self.items.pop(key, None)

    def query(
        self,
        table: str,
        index: str,
        hash_value: str,
        *,
        descending: bool = False,
        limit: int | None = None,
        start: Item | None = None,
        after: Any = None,
        before: Any = None,
    ) -> Page:
        self.requests.append("query")
        hash_name, range_name = _RANGE[index]
        found = [item for key, item in self.items.items() if key.table == table and item.get(hash_name) == hash_value]
        found = [
            item
            for item in found
            if (after is None or item[range_name] > after) and (before is None or item[range_name] < before)
        ]
        found.sort(key=lambda item: item[range_name], reverse=descending)
        first = 0 if start is None else [item["pk"] for item in found].index(start["pk"]) + 1
        shown = found[first : None if limit is None else first + limit]
        more = bool(shown) and shown[-1] is not found[-1]
        names = (
            "pk",
            "id",
            "status",
            "final_key",
            "agent_id",
            "metadata",
            "n",
            "count",
            "kind",
            "key",
            *ATTRIBUTES,
            range_name,
        )
        entries = [{name: item[name] for name in names if name in item} for item in shown]
        return Page(entries, {"pk": shown[-1]["pk"]} if more else None)

    @staticmethod
    def _holds(old: Item | None, condition: str | None, args: Mapping[str, Any]) -> bool:
        if condition is None:
            return True
        text = re.sub(
            r"attribute_(not_)?exists\(#(\w+)\)", lambda m: f"{'not ' if m[1] else ''}has('{m[2]}')", condition
        )
        text = re.sub(r"#(\w+) = :(\w+)", r"same('\1', '\2')", text).replace(" AND ", " and ").replace(" OR ", " or ")
        text = re.sub(r"#(\w+) <= :(\w+)", r"at_most('\1', '\2')", text)
        text = re.sub(r"size\(#(\w+)\) < :(\w+)", r"fewer('\1', '\2')", text)
        text = re.sub(r"contains\(#(\w+), :(\w+)\)", r"holds('\1', '\2')", text)
        assert "#" not in text, f"this fake does not know the condition {condition!r}"
        names = {
            "has": lambda name: name in (old or {}),
            "at_most": lambda name, arg: old is not None and name in old and old[name] <= args[arg],
            "fewer": lambda name, arg: len((old or {})[name]) < args[arg],
            "holds": lambda name, arg: args[arg] in (old or {}).get(name, ()),
            "same": lambda name, arg: old is not None and name in old and old[name] == args[arg],
        }
        return bool(eval(text, {"__builtins__": {}}, names))


def _present(item: Item) -> Item:
    return {name: deepcopy(value) for name, value in item.items() if value is not None}


class MemoryBlobs:
    """``storage.Blobs`` in a dict."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.bodies.get(name)

    def put(self, name: str, body: bytes) -> None:
        self.bodies[name] = body

    def names(self, prefix: str, limit: int) -> list[str]:
        return sorted(name for name in self.bodies if name.startswith(prefix))[:limit]

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.bodies.pop(name, None)


class MemoryFiles(MemoryBlobs):
    """``resources.file_store.FileStore`` in a dict; a signed upload is carried out by ``receive``."""

    def __init__(self, bodies: dict[str, bytes] | None = None) -> None:
        self.bodies = {} if bodies is None else bodies

    def put(self, name: str, body: bytes, sha256: str = "") -> None:
        assert hashlib.sha256(body).hexdigest() == sha256
        self.bodies[name] = body

    def look(self, name: str) -> Stored | None:
        return Stored(len(self.bodies[name])) if name in self.bodies else None

    def chunks(self, name: str) -> Iterator[bytes] | None:
        return map(bytes, batched(self.bodies[name], 3)) if name in self.bodies else None

    def upload(self, name: str, size: int, sha256: str | None, seconds: int) -> Signed:
        return Signed(f"memory:{name}?size={size}&seconds={seconds}", {"x-hash": sha256 or ""})

    def download(self, name: str, *, mime_type: str, disposition: str, seconds: int) -> str:
        return f"memory:{name}?type={mime_type}&disposition={disposition}&seconds={seconds}"

    def receive(self, url: str, body: bytes) -> None:
        """Somebody uploads."""
        name = url.removeprefix("memory:").partition("?")[0]
        assert name not in self.bodies
        self.bodies[name] = body


class MemoryQueue:
    """``deletions.DeleteQueue`` in a list."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any], delay: int = 0) -> None:
        self.messages.append(message)
