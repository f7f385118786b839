"""Counting from outside: hooks on the container's AWS clients, and around the functions. The product has no counting code."""

from __future__ import annotations

import copy
import math
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self

from bench.units import Index, index_units, indexes_of, item_size
from local.invoke import Context
from local.names import local_name
from local.stack import Stack
from local.template import load
from silvercup.executions.store import RunStore
from silvercup.runtime import dispatch
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from silvercup.runtime.secrets import Secrets
from silvercup.runtime.situation import Situation
from statemachines.ir import Block

SERVICES = ("dynamodb", "s3", "stepfunctions", "secretsmanager")
FUNCTIONS = {"steps": local_name("StepsFunction"), "prompts": local_name("PromptsFunction")}

type Item = dict[str, Any]


@dataclass(slots=True)
class Cost:
    """What one piece of work took.

    Attributes:
        requests: By ``service:Operation``.
        read: Items that were asked for.
        written: Items that were written (or refused).
        read_units: DynamoDB read request units.
        write_units: DynamoDB write request units, indexes included.
        read_bytes: Sizes of the items that were found.
        written_bytes: Sizes of the items that were written, as they are then.
        calls: Lambda invocations.
        sent: Every DynamoDB request, in order; a batch of writes as single ones.
    """

    requests: Counter[str] = field(default_factory=Counter[str])
    read: int = 0
    written: int = 0
    read_units: int = 0
    write_units: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    calls: int = 0
    sent: list[tuple[str, Item]] = field(default_factory=list[tuple[str, Item]])

    def of(self, service: str) -> int:
        """How many requests went to a service."""
        return sum(n for name, n in self.requests.items() if name.startswith(f"{service}:"))

    def same_as(self, other: Cost) -> bool:
        """Whether the other took the same."""
        return self.figures() == other.figures()

    def figures(self) -> tuple[dict[str, int], int, int, int, int]:
        """Everything that is counted but the invocations, which the blocks of a row share."""
        return dict(self.requests), self.read, self.written, self.read_units, self.write_units

    def __iadd__(self, other: Cost) -> Self:
        """The sum."""
        self.requests += other.requests
        self.read += other.read
        self.written += other.written
        self.read_units += other.read_units
        self.write_units += other.write_units
        self.read_bytes += other.read_bytes
        self.written_bytes += other.written_bytes
        self.calls += other.calls
        self.sent += other.sent
        return self


class Counted:
    """A stack whose requests are counted under a label: of the thread that sends them, and of those that it has work for it; in a row the block's.

    Attributes:
        costs: By label; see ``label_of`` for that of an invocation.
        events: The event and the answer of each invocation, by label; of a row by those of its first and last block.
        gate: While it is held, no invocation begins.
    """

    def __init__(self, stack: Stack, *, whole: bool = True) -> None:
        """Begin to count.

        Args:
            stack: The stack.
            whole: Whether items and units are counted too, and what was sent is kept; without it only requests are.
        """
        self._whole = whole
        self.costs: dict[str, Cost] = {}
        self.events: dict[str, tuple[Any, Any]] = {}
        self.gate = threading.RLock()
        self._stack = stack
        self._here: ContextVar[Cost | None] = ContextVar("cost", default=None)
        self._sending = threading.local()
        self._everywhere: Cost | None = None
        self._lock = threading.Lock()
        self._items: dict[tuple[str, str], Item] = {}
        self._indexes: dict[str, Sequence[Index]] = {table.name: indexes_of(table) for table in load().tables}
        for service in SERVICES:
            events = stack.container.clients.get(service).meta.events
            events.register("before-parameter-build", self._before)
            events.register("after-call", self._after)
        self._originals = {name: stack.aws.invoker.load(name) for name in FUNCTIONS.values()}
        for name in FUNCTIONS.values():
            self._wrap(name)
        dispatch.Situation = self._situation  # pyright: ignore[reportAttributeAccessIssue]

    def _situation(
        self, store: RunStore, secrets: Secrets, pointer: Pointer, loaded: Loaded, block: Block, own: Any
    ) -> Situation:
        """A block begins: what follows is on its account."""
        if self._here.get() is not None:
            self._here.set(self.costs.setdefault(f"{pointer.ref.id}/{pointer.at}/{block.id}", Cost()))
        return Situation(store, secrets, pointer, loaded, block, own)

    def release(self) -> None:
        """Stop to count; the functions are as they were."""
        dispatch.Situation = Situation
        for service in SERVICES:
            events = self._stack.container.clients.get(service).meta.events
            events.unregister("before-parameter-build", self._before)
            events.unregister("after-call", self._after)
        for name, handler in self._originals.items():
            self._stack.aws.invoker.replace(name, handler)

    @contextmanager
    def under(self, label: str) -> Generator[Cost]:
        """Count what this thread sends, under a label."""
        cost = self.costs.setdefault(label, Cost())
        before = self._here.set(cost)
        try:
            yield cost
        finally:
            self._here.reset(before)

    @contextmanager
    def everywhere(self) -> Generator[Cost]:
        """Count what threads send that count under no label; for when nothing else is going on."""
        self._everywhere = cost = Cost()
        try:
            yield cost
        finally:
            self._everywhere = None

    def _wrap(self, name: str) -> None:
        inner = self._originals[name]

        def handler(event: Any, context: Context) -> Any:
            with self.gate:
                pass
            label = label_of(event)
            with self.under(label) as cost:
                cost.calls += 1
                answer = inner(event, context)
                if self._whole:
                    self.events[label] = self.events[label_of(event, last=True)] = (event, answer)
                return answer

        self._stack.aws.invoker.replace(name, handler)

    def total(self, execution_id: str) -> Cost:
        """What an execution's invocations took."""
        return sum_of(cost for label, cost in list(self.costs.items()) if label.startswith(f"{execution_id}/main"))

    def _before(self, params: Item, **_: object) -> None:
        if not self._whole:
            return
        self._sending.params = copy.deepcopy(params)

    def _after(self, model: Any, parsed: Item, **_: object) -> None:
        service = str(model.service_model.endpoint_prefix)
        cost = self._here.get() or self._everywhere
        params: Item = self._sending.params if self._whole else {}
        with self._lock:
            if cost is not None:
                cost.requests[f"{service}:{model.name}"] += 1
            if not self._whole or service != "dynamodb":
                return
            for operation, single in _singly(str(model.name), params):
                before = self._remember(operation, single, parsed)
                if cost is not None:
                    cost.sent.append((operation, single))
                    self._add_units(cost, single, parsed, before)

    def _remember(self, operation: str, params: Item, parsed: Item) -> Item:
        """Keep what an item is after a write; what it was before."""
        if "Item" not in params and "Key" not in params:
            return {}
        key = (params["TableName"], (params.get("Item") or params["Key"])["pk"]["S"])
        before = self._items.get(key, {})
        if "Error" not in parsed:
            after: Item | None = params.get("Item") or parsed.get("Attributes")
            if operation == "DeleteItem":
                self._items[key] = {}
            elif after is not None:
                self._items[key] = after
        return before

    def _add_units(self, cost: Cost, params: Item, parsed: Item, before: Item) -> None:
        if "RequestItems" in params:
            asked = sum(len(part["Keys"]) for part in params["RequestItems"].values())
            found: list[Item] = [item for items in parsed["Responses"].values() for item in items]
            cost.read += asked
            cost.read_units += asked - len(found) + sum(_read_units(item) for item in found)
            cost.read_bytes += sum(map(item_size, found))
        elif "KeyConditionExpression" in params:
            cost.read += len(parsed["Items"])
            size = sum(map(item_size, parsed["Items"]))
            cost.read_units += max(1, math.ceil(size / 8192))
            cost.read_bytes += size
        elif "Item" not in params and "UpdateExpression" not in params:
            cost.read += 1
            cost.read_units += _read_units(parsed.get("Item", {}))
            cost.read_bytes += item_size(parsed.get("Item", {}))
        else:
            cost.written += 1
            refused = "Error" in parsed
            after: Item = before if refused else params.get("Item") or parsed["Attributes"]
            cost.written_bytes += 0 if refused else item_size(after)
            cost.write_units += max(1, math.ceil(max(item_size(before), item_size(after)) / 1024))
            cost.write_units += sum(index_units(one, before, after) for one in self._indexes[params["TableName"]])


def _singly(operation: str, params: Item) -> list[tuple[str, Item]]:
    """A batch of writes as the writes that it does; any other request as it is."""
    if operation != "BatchWriteItem":
        return [(operation, params)]
    batch: dict[str, list[Item]] = params["RequestItems"]
    puts = [(table, write["PutRequest"]["Item"]) for table, writes in batch.items() for write in writes]
    return [("PutItem", {"TableName": table, "Item": item}) for table, item in puts]


def label_of(event: Any, *, last: bool = False) -> str:
    """Names an invocation: ``<execution>/<place>/<block>``, or what else it does there and for which loop or call.

    Args:
        event: What the function was called with.
        last: Whether a row is named by its last block; else by its first.
    """
    run = event["run"]
    blocks = blocks_of(event)
    what = blocks[-1 if last else 0] if blocks else f"{event['op']} {event.get('of', '')}"
    return f"{run['execution']}/{run['at']}/{what}"


def blocks_of(event: Any) -> list[str]:
    """The blocks that an invocation runs."""
    return event.get("blocks") or ([event["block"]] if "block" in event else [])


def sum_of(costs: Iterable[Cost]) -> Cost:
    """All together."""
    total = Cost()
    for cost in costs:
        total += cost
    return total


def _read_units(item: Mapping[str, Any]) -> int:
    return max(1, math.ceil(item_size(item) / 4096))
