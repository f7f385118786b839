"""A file as it is kept: its item, and what its bytes are called."""

from __future__ import annotations

import os
from dataclasses import dataclass

from silvercup.deletions import sweep_shard
from silvercup.resources.entities import EntityKind, shown
from silvercup.resources.projects import DEFAULT_PROJECT
from silvercup.storage import Item
from silvercup.values import JsonObject

MAX_BYTES = 100_000
"""The largest file without its content, in bytes of its JSON."""
PENDING_SECONDS = 86_400
"""After this a file that was never uploaded is removed."""


def file_shown(item: Item) -> JsonObject:
    """A file as lists show it; the name of its project may be another by now (``project_id``)."""
    body = shown(item)
    kept = {name: value for name, value in body.items() if name not in {"blob", "refused"}}
    return {**kept, "content": ""}


def _swept(body: JsonObject, created_at: int) -> Item:
    """The attributes by which the sweeper finds a file that is not there yet."""
    pending = body["status"] == "pending"
    return {
        "sweep": sweep_shard(body["id"]) if pending else None,
        "sweep_at": created_at // 1_000_000 + PENDING_SECONDS if pending else None,
    }


KIND = EntityKind(
    "file", MAX_BYTES, {"mime_type": None, "project": DEFAULT_PROJECT}, show=file_shown, attributes=_swept
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file.

    Attributes:
        shown: As the API shows it, without its content; with ``upload`` while it is pending.
        blob: What its bytes are called in the store.
    """

    shown: JsonObject
    blob: str

    @property
    def ready(self) -> bool:
        """Whether its bytes are there."""
        return self.shown["status"] == "ready"

    @property
    def size(self) -> int:
        """How many bytes it has, or will have."""
        return self.shown["size"]


def folder(tenant: str, file_id: str) -> str:
    """What all names of a file's bytes start with."""
    return f"{tenant}/files/{file_id}/"


def blob_of(tenant: str, body: JsonObject) -> str:
    """What a file's bytes are called, by the body of its item."""
    return folder(tenant, body["id"]) + body["blob"]


def fresh_name() -> str:
    """A last part of such a name that nothing else has."""
    return os.urandom(8).hex()
