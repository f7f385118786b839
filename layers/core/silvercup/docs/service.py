"""Docs of agents and users: written into the table, from which the indexer takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from silvercup.deletions import deleted, is_gone
from silvercup.docs.documents import (
    OWNS_DOCS,
    TABLE,
    Bodies,
    DocOwner,
    Text,
    body_of,
    doc_key,
    fingerprint,
    new_item,
    owns_docs,
    partition,
    shown,
)
from silvercup.docs.filters import contains, terms_of_filter
from silvercup.docs.languages import DEFAULT_TAG, analyzer_of
from silvercup.docs.writing import Chunking, checked_metadata, checked_title, text_of
from silvercup.errors import ConditionFailed, Conflict, InvalidRequest, NotFound
from silvercup.ids import now_us
from silvercup.listing import list_items
from silvercup.paging import Listed, ListQuery
from silvercup.resources.names import Names
from silvercup.storage import Blobs, Change, Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject, dumps, loads

_ATTEMPTS = 5
_PAGE = 100
_STATES = {"pending": "pending", "ready": "succeeded", "failed": "failed"}
_PRESENT = "attribute_exists(#pk) AND attribute_not_exists(#gone)"


class DocService:
    """Docs of all tenants. Every method takes the tenant first; another tenant's doc is not there.

    Fields that a caller may set: ``title``, ``content``, ``metadata``, ``language`` (a BCP 47 tag), ``embed_instruction``, ``chunking``
    (``{max_chars, overlap}``). A doc is stored when a method returns; it is found as soon as the indexer has been at it, which
    its ``embedding_status`` and the job of its own id tell.

    Args:
        tables: Where docs are kept.
        blobs: Where their large parts are.
        chunking: How a long text is split where the caller does not say.
        clock: Microseconds since the epoch.
    """

    def __init__(
        self, tables: Tables, blobs: Blobs, chunking: Chunking | None = None, clock: Callable[[], int] = now_us
    ) -> None:
        self._tables = tables
        self._bodies = Bodies(blobs)
        self._chunking = chunking or Chunking()
        self._clock = clock
        self._fingerprints = Names(tables, "doc", self._says, fold=False)

    def create(
        self, tenant: str, owner: DocOwner, fields: JsonObject, *, doc_id: str, repeated: bool = False
    ) -> JsonObject:
        """Make a doc.

        Args:
            tenant: Whose.
            owner: Of which agent or user.
            fields: What the caller gave; None means the default.
            doc_id: The id to make it under.
            repeated: An earlier attempt may have made it: then it is returned as it is.

        Raises:
            Conflict: There is no such owner (v1's answer), or the owner has a doc with the same title and content.
            InvalidShape, InvalidRequest, TooLarge: A field is not acceptable; says which and why.
        """
        holder = self._tables.get(owner.key(tenant))
        if is_gone(holder):
            raise _no_owner(owner)
        text = self._text(fields)
        title = checked_title(fields["title"])
        metadata = checked_metadata(fields.get("metadata") or {})
        analyzer = analyzer_of(fields.get("language") or DEFAULT_TAG, "language")
        mark = fingerprint(title, text.content)
        self._take(tenant, owner, mark, doc_id)
        if holder is not None and not owns_docs(holder):
            self._note_owner(tenant, owner)
        now = self._clock()
        item = {
            **new_item(tenant, owner, doc_id, 1, now, now),
            **self._bodies.text_attributes(tenant, doc_id, 1, text),
            "body": body_of(fields, analyzer),
            "metadata": dumps(metadata),
            "fingerprint": mark,
            "status": "pending",
            "due": now,
        }
        try:
            self._tables.put(TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = dict(failure.found or {})
            if is_gone(found) or not (repeated or found["fingerprint"] == mark):
                raise Conflict(f"There is a doc with the id {doc_id} already") from None
            item = found
        return self._shown(item, embeddings=True)

    def get(self, tenant: str, doc_id: str, *, embeddings: bool = True) -> JsonObject:
        """One doc, with the vectors of its chunks unless they are not wanted or not there yet.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._shown(self._existing(tenant, doc_id), embeddings=embeddings)

    def list(self, tenant: str, owner: DocOwner, query: ListQuery, *, embeddings: bool = True) -> Listed[JsonObject]:
        """A page of an owner's docs.

        Raises:
            NotFound: There is no such owner.
        """
        found = list_items(self._tables, TABLE, partition(tenant, owner), query, owner.owner(tenant))
        return found.map(lambda item: self._shown(item, embeddings=embeddings))

    def update(self, tenant: str, doc_id: str, fields: JsonObject) -> JsonObject:
        """Change the fields that are given and not None; ``metadata`` is merged, key by key.

        Raises:
            NotFound: The tenant has none of that id.
            Conflict: The owner has another doc with the same title and content, or others change it all the time.
            InvalidShape, InvalidRequest, TooLarge: As ``create``.
        """
        return self._rewrite(tenant, doc_id, fields, whole=False)

    def replace(self, tenant: str, doc_id: str, fields: JsonObject) -> JsonObject:
        """Write a doc anew: what is absent gets its default.

        Raises:
            NotFound, Conflict, InvalidShape, InvalidRequest, TooLarge: As ``update``.
        """
        return self._rewrite(tenant, doc_id, fields, whole=True)

    def delete(self, tenant: str, doc_id: str, owner: DocOwner | None = None) -> JsonObject:
        """Take a doc away; no search shows it from now on.

        Args:
            tenant: Whose.
            doc_id: Which.
            owner: Whose it has to be.

        Raises:
            NotFound: There is none, or it is another owner's.
        """
        item = self._existing(tenant, doc_id)
        if owner is not None and item["owner"] != owner.name:
            raise NotFound(f"Doc {doc_id} not found among the docs of {owner.role} {owner.id}")
        answer = self.bury(item)
        if answer is None:
            raise _missing(doc_id)
        return answer

    def delete_many(
        self, tenant: str, owner: DocOwner, metadata_filter: Mapping[str, Any], *, delete_all: bool
    ) -> list[JsonObject]:
        """Take the docs away whose metadata contain the filter, or all docs of an owner; without both, none.

        Raises:
            NotFound: There is no such owner.
            InvalidRequest: The filter is too large or too deep.
        """
        terms_of_filter(dict(metadata_filter))
        owner.owner(tenant).check(self._tables.get_many([owner.key(tenant)]))
        if not metadata_filter and not delete_all:
            return []
        wanted = {} if delete_all else dict(metadata_filter)
        answers = [
            self.bury(item) for item in self.of_owner(tenant, owner) if contains(loads(item["metadata"]), wanted)
        ]
        return [answer for answer in answers if answer is not None]

    def _note_owner(self, tenant: str, owner: DocOwner) -> None:
        """Have the owner's item say that there are docs, so that a chat need not look for those of who has none."""
        condition = "attribute_exists(#pk) AND attribute_not_exists(#gone)"
        try:
            self._tables.update(owner.key(tenant), Change(set={OWNS_DOCS: 1}, condition=condition))
        except ConditionFailed:
            raise _no_owner(owner) from None

    def of_owner(self, tenant: str, owner: DocOwner) -> Iterator[Item]:
        """The items of all docs that an owner has when this begins."""
        start: Item | None = None
        while True:
            page = self._tables.query(TABLE, "by_created", partition(tenant, owner), limit=_PAGE, start=start)
            found = self._tables.get_many(doc_key(tenant, entry["id"]) for entry in page.items) if page.items else {}
            yield from (item for item in found.values() if not is_gone(item))
            start = page.next
            if start is None:
                return

    def bury(self, item: Item) -> JsonObject | None:
        """Put a tombstone in the place of a doc; the indexer takes it and what is left of the doc away.

        Returns:
            What the API answers to the delete; None when the doc was gone already.
        """
        tenant, doc_id, now = item["tenant"], item["id"], self._clock()
        gone = Change(
            set={"gone": now, "due": now},
            remove=("ix", "created", "updated", "body", "text", "vectors", "vectors_from"),
            condition=_PRESENT,
        )
        try:
            left = self._tables.update(doc_key(tenant, doc_id), gone)
        except ConditionFailed as failure:
            if (failure.found or {}).get("gone") != now:
                return None
            left = dict(failure.found or {})
        self._fingerprints.release(tenant, left["fingerprint"], doc_id, left["owner"])
        return deleted(doc_id, now)

    def job(self, tenant: str, doc_id: str) -> JsonObject:
        """The embedding of a doc as a job of v1; its id is the doc's.

        Raises:
            NotFound: The tenant has none of that id.
        """
        item = self._existing(tenant, doc_id)
        return {
            "id": doc_id,
            "name": "EmbedDoc",
            "reason": item.get("reason", f"Embedding status: {item['status']}"),
            "state": _STATES[item["status"]],
            "has_progress": False,
            "progress": 100.0 if item["status"] == "ready" else 0.0,
            "created_at": iso(item["created_at"]),
            "updated_at": iso(item.get("indexed_at", item["updated_at"])),
        }

    def _text(self, fields: JsonObject) -> Text:
        return text_of(fields["content"], self._chunking_of(fields.get("chunking")))

    def _chunking_of(self, given: JsonObject | None) -> Chunking:
        if given is None:
            return self._chunking
        longest = given.get("max_chars") or self._chunking.max_chars
        overlap = given.get("overlap")
        return Chunking(longest, min(self._chunking.overlap, longest // 2) if overlap is None else overlap)

    def _rewrite(self, tenant: str, doc_id: str, fields: JsonObject, *, whole: bool) -> JsonObject:
        if not whole and fields.get("chunking") is not None and fields.get("content") is None:
            raise InvalidRequest("chunking says how a new content is split; send the content too")
        for _ in range(_ATTEMPTS):
            old = self._existing(tenant, doc_id)
            new = self._changed(old, fields, whole=whole)
            moved = new["fingerprint"] != old["fingerprint"]
            owner = DocOwner.of(old["owner"])
            if moved:
                self._take(tenant, owner, new["fingerprint"], doc_id)
            condition = f"#version = :seen AND {_PRESENT}"
            try:
                item = self._tables.update(
                    doc_key(tenant, doc_id),
                    Change(set=new, remove=("reason",), condition=condition, args={"seen": old["version"]}),
                )
            except ConditionFailed as failure:
                item = dict(failure.found or {"gone": 1})
                if is_gone(item):
                    raise _missing(doc_id) from None
                if item.get("body") != new["body"] or item["version"] != new["version"] or item["due"] != new["due"]:
                    continue
            if moved:
                self._fingerprints.release(tenant, old["fingerprint"], doc_id, owner.name)
            return self._shown(item, embeddings=False)
        raise Conflict(f"Doc {doc_id} is being changed by others at the same time; try again", should_retry=True)

    def _changed(self, old: Item, fields: JsonObject, *, whole: bool) -> Item:
        """The attributes that a change gives a doc."""
        before: JsonObject = {} if whole else loads(old["body"])
        given = {name: value for name, value in fields.items() if value is not None}
        body = {**before, **given}
        if not whole and "metadata" in given:
            metadata: JsonObject = {**loads(old["metadata"]), **given["metadata"]}
        else:
            metadata = given.get("metadata") or ({} if whole else loads(old["metadata"]))
        analyzer = analyzer_of(body.get("language") or DEFAULT_TAG, "language")
        version, now = old["version"] + 1, max(self._clock(), old["updated_at"] + 1)
        new: Item = {
            **new_item(old["tenant"], DocOwner.of(old["owner"]), old["id"], version, old["created_at"], now),
            "body": body_of(body, analyzer),
            "metadata": dumps(checked_metadata(metadata)),
            "status": "pending",
            "due": now,
        }
        if "content" in given or whole:
            text = self._text(given)
            new |= self._bodies.text_attributes(old["tenant"], old["id"], version, text)
            content = text.content
        else:
            content = self._bodies.text(old).content
        new["fingerprint"] = fingerprint(checked_title(body["title"]), content)
        return {name: value for name, value in new.items() if name != "pk"}

    def _take(self, tenant: str, owner: DocOwner, mark: str, doc_id: str) -> None:
        try:
            self._fingerprints.take(tenant, mark, doc_id, owner.name)
        except Conflict:
            message = (
                f"A doc with this content already exists: the {owner.role} has one with the same title and content"
            )
            raise Conflict(message) from None

    def _says(self, tenant: str, doc_id: str, mark: str) -> bool:
        item = self._tables.get(doc_key(tenant, doc_id))
        return item is not None and not is_gone(item) and item["fingerprint"] == mark

    def _existing(self, tenant: str, doc_id: str) -> Item:
        item = self._tables.get(doc_key(tenant, doc_id))
        if item is None or is_gone(item):
            raise _missing(doc_id)
        return item

    def _shown(self, item: Item, *, embeddings: bool) -> JsonObject:
        vectors = self._bodies.vectors(item) if embeddings and item["status"] == "ready" else None
        return shown(item, self._bodies.text(item), vectors)


def _no_owner(owner: DocOwner) -> Conflict:
    return Conflict(f"Reference to {owner.role} not found during create: there is no {owner.role} {owner.id}")


def _missing(doc_id: str) -> NotFound:
    return NotFound(f"Doc {doc_id} not found")
