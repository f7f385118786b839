"""A turn of a session as it is stored: one item, found by its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from silvercup.ids import hash128, uuid7
from silvercup.storage import Item, Key
from silvercup.times import iso
from silvercup.usage.spending import rows_of
from silvercup.values import JsonObject, loads

TABLE = "core"
DELETED = "deleted"
"""The source of what stands in the place of a deleted entry, so that the others keep their places and ids."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said from a request to its answer, whole.

    Attributes:
        number: Its place in the session.
        id: Its id, which is the id of the chat's answer.
        t: When it was written, microseconds since the epoch.
        entries: What was said: ``{role, content, source, tokens, name?, tool_calls?, tool_call_id?, finish_reason?, interrupted?}``.
        tokens: How many tokens that takes, as ``llm.tokens`` estimates.
        total: The running total of the session after it.
        model: What answered; empty where nothing was asked.
        once: What tells the request from others, so that a client's own retry finds its answer.
        again: Whether the client had sent the request before.
        blob: Where the entries are, when they are not here.
        used: What its calls of models used: (prompt tokens, completion tokens); None in a pack.
    """

    number: int
    id: str
    t: int
    entries: tuple[JsonObject, ...]
    tokens: int
    total: int = 0
    model: str = ""
    once: str = ""
    again: bool = False
    blob: str = ""
    used: tuple[int, int] | None = None

    @property
    def said(self) -> list[JsonObject]:
        """Its entries without those that were deleted."""
        return [entry for entry in self.entries if entry["source"] != DELETED]

    def repeats(self, other: Turn) -> bool:
        """Whether one of the two answers a retry of the other's request; who says the same twice does not retry."""
        return bool(self.once) and self.once == other.once and (self.again or other.again)

    def entry_id(self, index: int) -> str:
        """The id of one of its entries; it names the turn, so that an entry is found by its id."""
        entropy = self.number.to_bytes(4) + index.to_bytes(2) + hash128(self.id)[:2]
        return uuid7(self.t + index, entropy)

    def shown(self, index: int) -> JsonObject:
        """One of its entries as the API shows it."""
        entry = self.entries[index]
        content = entry.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        time = iso(self.t + index)
        return {
            "id": self.entry_id(index),
            "role": entry["role"],
            "name": entry.get("name"),
            "content": parts,
            "source": entry["source"],
            "tokenizer": "estimate",
            "token_count": entry["tokens"],
            "model": self.model,
            "tool_calls": entry.get("tool_calls"),
            "tool_call_id": entry.get("tool_call_id"),
            "timestamp": time,
            "created_at": time,
            **{name: entry[name] for name in ("finish_reason", "interrupted") if name in entry},
        }


def place_of(entry_id: str) -> tuple[int, int]:
    """The turn and the place in it that an entry's id names; nonsense for other ids, which then find nothing."""
    digits = entry_id.replace("-", "")
    return int(digits[16:24], 16) & 0x3FFFFFFF, int(digits[24:28], 16)


@dataclass(frozen=True, slots=True)
class Place:
    """A session's turns.

    Attributes:
        tenant: Whose.
        session: Of which session.
    """

    tenant: str
    session: str

    @property
    def key(self) -> Key:
        """The session's own item."""
        return Key(TABLE, f"{self.tenant}#session#{self.session}")

    def turn(self, number: int) -> Key:
        """A turn."""
        return self._part("turn", number)

    def pack(self, number: int) -> Key:
        """A pack of turns."""
        return self._part("pack", number)

    def summary(self, number: int) -> Key:
        """A summary of turns."""
        return self._part("summary", number)

    @property
    def folder(self) -> str:
        """Where its blobs are."""
        return f"{self.tenant}/sessions/{self.session}/"

    def _part(self, kind: str, number: int) -> Key:
        return Key(TABLE, f"{self.tenant}#{kind}#{self.session}#{number:08d}")


def item_of(place: Place, turn: Turn) -> Item:
    """The attributes of a turn's item, without those that hold its entries."""
    return {
        "pk": place.turn(turn.number).pk,
        "kind": "turn",
        "id": turn.id,
        "number": turn.number,
        "t": turn.t,
        "tokens": turn.tokens,
        "total": turn.total,
        "model": turn.model,
        "once": turn.once or None,
        "again": turn.again or None,
    }


def turn_of(item: Item) -> Turn:
    """The turn of an item; without its entries where they lie in a blob."""
    rows = rows_of(item)
    return Turn(
        number=item["number"],
        id=item["id"],
        t=item["t"],
        entries=tuple(loads(item["body"])) if "body" in item else (),
        tokens=item["tokens"],
        total=item["total"],
        model=item.get("model", ""),
        once=item.get("once", ""),
        again=item.get("again", False),
        blob=item.get("blob", ""),
        used=_sums(rows) if rows else None,
    )


def _sums(rows: Sequence[JsonObject]) -> tuple[int, int]:
    return sum(row["prompt_tokens"] for row in rows), sum(row["completion_tokens"] for row in rows)
