"""A doc as it is stored: one item, with its text and its vectors in blobs where they are large."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from silvercup.docs.embedding import Vector
from silvercup.docs.vectors import pack, unpack
from silvercup.errors import InternalError
from silvercup.ids import hash128
from silvercup.paging import index_attributes
from silvercup.resources.members import Member
from silvercup.storage import Blobs, Item, Key
from silvercup.times import iso
from silvercup.values import JsonObject, dumps, loads

TABLE = "docs"
INLINE_BYTES = 16_000
"""Texts and vectors up to this size lie in the item; larger ones in a blob."""
SHARDS = 8
"""Partitions of the list of all docs of all tenants."""

OWNS_DOCS = "has_docs"
"""The attribute of an agent's or user's item that says that it has, or has had, docs."""

type Status = Literal["pending", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class DocOwner(Member):
    """Whose doc it is."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a doc says.

    Attributes:
        content: As it was given.
        chunks: What is embedded and found: the content, or the parts that a long text was split into.
    """

    content: Sequence[str]
    chunks: Sequence[str]


MAX_SOURCE = 20_000_000
"""Bytes of a stored file whose text becomes a doc."""


def doc_key(tenant: str, doc_id: str) -> Key:
    """A doc's key."""
    return Key(TABLE, f"{tenant}#doc#{doc_id}")


def partition(tenant: str, owner: DocOwner) -> str:
    """The list of an owner's docs."""
    return f"{tenant}#doc#{owner.name}"


def shard(number: int) -> str:
    """One part of the list of all docs."""
    return f"docs#{number}"


def new_item(tenant: str, owner: DocOwner, doc_id: str, version: int, created_at: int, updated_at: int) -> Item:
    """The attributes of a doc that do not depend on what it says."""
    return {
        "pk": doc_key(tenant, doc_id).pk,
        "kind": "doc",
        "tenant": tenant,
        "id": doc_id,
        "owner": owner.name,
        "version": version,
        "created_at": created_at,
        "updated_at": updated_at,
        **index_attributes(partition(tenant, owner), doc_id, created_at, updated_at),
        "all": shard(hash128(doc_id)[0] % SHARDS),
    }


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an item says of its chunks in one index.

    Attributes:
        version: Which version is in it; 0: none.
        ids: What takes its chunks out again.
    """

    version: int
    ids: Sequence[str]

    @classmethod
    def of(cls, item: Item, index: str) -> Indexed:
        """What a doc's item says of an index."""
        entry: Mapping[str, Any] = item.get("indexed", {}).get(index, {})
        return cls(entry.get("version", 0), entry.get("ids", ()))


def owns_docs(owner: Item) -> bool:
    """Whether an agent or a user may have docs, by its item."""
    return OWNS_DOCS in owner


def fingerprint(title: str, content: Sequence[str]) -> str:
    """What two docs of one owner may not share: a hash of title and content."""
    return hash128(title, *content).hex()


class Bodies:
    """Texts and vectors of docs, in the item or beside it.

    Args:
        blobs: Where the large ones are.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def text_attributes(self, tenant: str, doc_id: str, version: int, text: Text) -> Item:
        """The attributes that hold a text; a large one is written."""
        split = None if text.chunks == text.content else list(text.chunks)
        body = dumps({"content": list(text.content), **({"chunks": split} if split else {})})
        placed = self._placed("text", tenant, doc_id, version, body.encode("utf-8", "surrogatepass"))
        return {**placed, "count": len(text.chunks)}

    def text(self, item: Item) -> Text:
        """The text of a doc.

        Raises:
            InternalError: Its blob is missing.
        """
        found: JsonObject = loads(self._read("text", item))
        return Text(found["content"], found.get("chunks") or found["content"])

    def vector_attributes(
        self, tenant: str, doc_id: str, version: int, vectors: Sequence[Vector], model: str, source: str
    ) -> Item:
        """The attributes that hold vectors; many are written.

        Args:
            tenant: Whose.
            doc_id: Of which doc.
            version: Of which version.
            vectors: One per chunk.
            model: What made them.
            source: A hash of what they were made from.
        """
        dimensions = len(vectors[0]) if vectors else 0
        placed = self._placed("vectors", tenant, doc_id, version, pack(vectors))
        return {**placed, "vectors_from": source, "model": model, "dimensions": dimensions}

    def vectors(self, item: Item) -> list[Vector] | None:
        """The vectors that were made of a doc, one per chunk; None when there are none (yet)."""
        if "vectors_from" not in item:
            return None
        return [*unpack(self._read("vectors", item), item["dimensions"])]

    def clean(self, item: Item) -> None:
        """Remove the blobs of a doc's earlier versions; of a deleted one, all."""
        if "blobs" not in item:
            return
        keep = {item.get("text_blob"), item.get("vectors_blob")} if "gone" not in item else set[Any]()
        prefix = _folder(item["tenant"], item["id"])
        before = f"{prefix}{item['version'] + ('gone' in item):010d}"
        while names := [name for name in self._blobs.names(prefix, 1000) if name < before and name not in keep]:
            self._blobs.delete(names)

    def _placed(self, name: str, tenant: str, doc_id: str, version: int, body: bytes) -> Item:
        if len(body) <= INLINE_BYTES:
            return {name: body, f"{name}_blob": None}
        blob = f"{_folder(tenant, doc_id)}{version:010d}-{os.urandom(6).hex()}.{name}"
        self._blobs.put(blob, body)
        return {name: None, f"{name}_blob": blob, "blobs": 1}

    def _read(self, name: str, item: Item) -> bytes:
        if (inline := item.get(name)) is not None:
            return inline
        body = self._blobs.get(item[f"{name}_blob"])
        if body is None:
            raise InternalError(f"The {name} of a doc is missing from the bucket")
        return body


def _folder(tenant: str, doc_id: str) -> str:
    return f"{tenant}/docs/{doc_id}/"


def shown(item: Item, text: Text, vectors: Sequence[Vector] | None) -> JsonObject:
    """A doc as the API shows it."""
    body: JsonObject = loads(item["body"])
    told = {"embedding_model": "model", "embedding_dimensions": "dimensions", "embedding_error": "reason"}
    return {
        "id": item["id"],
        "title": body["title"],
        "content": list(text.content),
        "metadata": loads(item["metadata"]),
        "embeddings": None if vectors is None else [readable(vector) for vector in vectors],
        "modality": "text",
        "language": body["analyzer"],
        "embedding_status": item["status"],
        **{name: item[attribute] for name, attribute in told.items() if attribute in item},
        "version": item["version"],
        "jobs": [item["id"]],
        "created_at": iso(item["created_at"]),
        "updated_at": iso(item["updated_at"]),
    }


def readable(vector: Vector) -> list[float]:
    """A vector as the API shows it: seven decimals, which is what its 32-bit floats hold."""
    return [round(value, 7) for value in vector]


def body_of(fields: Mapping[str, Any], analyzer: str) -> str:
    """The attribute ``body``."""
    names = ("title", "language", "embed_instruction")
    return dumps({name: fields.get(name) or "" for name in names} | {"analyzer": analyzer})
