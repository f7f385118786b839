"""The attributes that say what calls of models used, on whatever item is written with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from silvercup import values
from silvercup.ids import hash128, is_uuid
from silvercup.storage import Item
from silvercup.times import iso
from silvercup.values import JsonObject

CORE = "core"
"""The table of items that hold nothing but what was used."""
TABLES = (CORE, "runs")
"""Tables that have the index."""
INDEX = "usage"
SHARDS = 4
"""Partitions of the index for each developer and month; one takes about 1,000 calls a second."""

AGENT, SESSION, EXECUTION, TASK = "u_agent", "u_session", "u_execution", "u_task"
"""Attributes that say for whom."""
ATTRIBUTES = ("spent", "spent_at", "usage", AGENT, SESSION, EXECUTION, TASK)


@dataclass(frozen=True, slots=True)
class Call:
    """One answer of a model.

    Attributes:
        model: The name of the model that answered.
        prompt_tokens: Tokens that it was sent.
        completion_tokens: Tokens that it answered with.
    """

    model: str
    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, answer: JsonObject) -> Call:
        """The call of a ``Completion``, or of a stream's last chunk; a provider that does not count gives 0 tokens."""
        used: JsonObject = answer.get("usage") or {}
        return cls(answer.get("model") or "unknown", used.get("prompt_tokens") or 0, used.get("completion_tokens") or 0)


def spent(
    tenant: str,
    calls: Sequence[Call],
    *,
    at: int,
    id_: str,
    agent: str | None,
    session: str | None = None,
    execution: str | None = None,
    task: str | None = None,
    own_key: bool = False,
) -> Item:
    """The attributes that put calls into the index ``usage``, for an item of the table ``core`` or ``runs``.

    Args:
        tenant: Whose calls.
        calls: The calls; of none there are no attributes.
        at: When, microseconds since the epoch; its day in UTC is the day that they count for.
        id_: What no other calls of the tenant have at this time, in ASCII: a UUID, or a part of a hash. Calls that are found twice
            under one id and time count once.
        agent: Whose model was asked, by id.
        session: In which session.
        execution: In which execution.
        task: Of which task.
        own_key: Whether the caller's own key of the provider was used.

    Returns:
        ``spent`` and ``spent_at`` (the index's keys), ``usage`` (JSON text, see ``rows_of``), and the ids. All are short: with them the
        record of a short answer still is under the KB that DynamoDB charges as one.
    """
    if not calls:
        return {}
    sums: dict[str, list[int]] = {}
    for call in calls:
        row = sums.setdefault(call.model, [0, 0, 0])
        row[0] += 1
        row[1] += call.prompt_tokens
        row[2] += call.completion_tokens
    shard = hash128(session or execution or id_)[0] % SHARDS
    ids = {AGENT: agent, SESSION: session, EXECUTION: execution, TASK: task}
    return {
        "spent": partition(tenant, iso(at)[:7], shard),
        "spent_at": f"{at:017d}#{id_}",
        "usage": values.dumps([[model, *row, *([1] if own_key else [])] for model, row in sums.items()]),
        **{name: packed(value) for name, value in ids.items() if value},
    }


def rows_of(item: Item) -> list[JsonObject]:
    """What an item's calls used, one ``{model, calls, prompt_tokens, completion_tokens, own_key?}`` for each model."""
    names = ("model", "calls", "prompt_tokens", "completion_tokens")
    rows: list[list[Any]] = values.loads(item.get("usage") or "[]")
    return [dict(zip(names, row, strict=False)) | ({"own_key": True} if row[len(names) :] else {}) for row in rows]


def packed(id_: str) -> str | bytes:
    """An id as it is kept in these attributes: a UUID in its 16 bytes, any other text as it is."""
    return bytes.fromhex(id_.replace("-", "")) if is_uuid(id_) else id_


def partition(tenant: str, month: str, shard: int) -> str:
    """A partition of the index; the month is ``YYYY-MM``."""
    return f"{tenant}#{month}#{shard}"


def remains(item: Item) -> Item | None:
    """An item of the table ``core`` that says what calls used and nothing else.

    Of an item that is about to be deleted it is what stays. It is to be put before the delete, and may be put again: it has the same
    key each time, and the two count once. Of what ``spent`` gave it is the item for calls that nothing else is written with.

    Args:
        item: An item with these attributes, or they alone.

    Returns:
        None where it says nothing of calls.
    """
    if "spent" not in item:
        return None
    tenant = item["spent"].rsplit("#", 2)[0]
    kept = {name: item[name] for name in ATTRIBUTES if name in item}
    return {"pk": f"{tenant}#usage#{item['spent_at']}", "kind": "usage", **kept}
