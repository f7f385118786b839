"""Files: fields in an item, bytes in a store; uploaded with the request or, where they are large, directly to the store.

A file is written ``pending``, then its bytes, then it is ``ready``: what broke off in between is found and finished, or removed after a
day. Bytes have a name of their own that is written once; what was uploaded wrongly gives way to a new name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from silvercup.deletions import Graves
from silvercup.errors import ConditionFailed, Conflict, InternalError, InvalidRequest, NotFound, TooLarge
from silvercup.ids import now_us
from silvercup.listing import item_listing, list_page
from silvercup.paging import Listed, ListQuery
from silvercup.resources.entities import Entities
from silvercup.resources.file_fields import file_given
from silvercup.resources.file_item import KIND, StoredFile, blob_of, file_shown, fresh_name
from silvercup.resources.file_store import FileStore
from silvercup.resources.projects import ProjectService
from silvercup.storage import Change, Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject, loads

UPLOAD_SECONDS = 3_600
"""How long an upload may begin after its URL was given."""
DOWNLOAD_SECONDS = 900
_LATER_SECONDS = 3_600
_TABLE = "core"


class FileService:
    """Files of all tenants. Every method takes the tenant first; another tenant's file is not there.

    Fields that a caller may set: ``name``, ``description``, ``mime_type``, ``metadata``, ``project``; ``content`` (base64), or ``size``
    with ``upload``; ``hash`` (SHA-256, hex).

    Args:
        tables: Where files are kept.
        store: Where their bytes are.
        projects: Says which projects there are.
        graves: Takes the bytes of a deleted file.
        clock: Microseconds since the epoch.
    """

    def __init__(
        self,
        tables: Tables,
        store: FileStore,
        projects: ProjectService,
        graves: Graves,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._tables = tables
        self._store = store
        self._projects = projects
        self._graves = graves
        self._clock = clock
        self._files = Entities(tables, KIND, graves)

    def create(self, tenant: str, fields: JsonObject, *, file_id: str, repeated: bool = False) -> JsonObject:
        """Make a file; see ``Entities.create``. Without ``content`` it is ``pending`` and shows where to upload it.

        Raises:
            NotFound: There is no such project.
            InvalidShape, InvalidRequest: A field is not acceptable; says which.
            TooLarge: The file, or what is said of it, is over the limit.
        """
        given = file_given(fields)
        project = self._projects.checked(tenant, {"project": fields.get("project")})
        body = {**given.body, **project, "status": "pending", "blob": fresh_name()}
        item = self._files.make(tenant, body, entity_id=file_id, repeated=repeated)
        kept = loads(item["body"])
        if given.content is not None and kept["status"] == "pending":
            self._store.put(blob_of(tenant, kept), given.content, given.body["hash"])
            item = self._mark(tenant, kept, {"status": "ready", "hash": given.body["hash"]})
        return self._stored(tenant, item, project).shown

    def list(self, tenant: str, query: ListQuery, *, project: str | None = None) -> Listed[JsonObject]:
        """A page of files, without their content; of one project where it is named.

        Raises:
            NotFound: There is no such project.
        """
        if project is None:
            found = self._files.list(tenant, query)
        else:
            wanted = str(self._projects.checked(tenant, {"project": project})["project"])
            names: dict[str, str] = {}

            def belongs(item: Item) -> bool:
                body = loads(item["body"])
                project_id = body.get("project_id", "")
                if project_id not in names:
                    names[project_id] = self._projects.named(tenant, [body])[0]["project"]
                return names[project_id] == wanted

            everything = item_listing(_TABLE, f"{tenant}#file", query, wanted=belongs)
            listing = replace(everything, picks=True, filters=f"project={wanted}")
            found = list_page(self._tables, listing, query).map(file_shown)
        return Listed(self._projects.named(tenant, found.items), found.next_cursor)

    def find(self, tenant: str, file_id: str) -> StoredFile:
        """One file; one whose bytes have arrived in the meantime is made ready.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._stored(tenant, self._settled(tenant, self._files.existing(tenant, file_id)))

    def get(self, tenant: str, file_id: str) -> JsonObject:
        """See ``find``; as the API shows it, without its content."""
        return self.find(tenant, file_id).shown

    def complete(self, tenant: str, file_id: str) -> JsonObject:
        """Say that a file was uploaded: its size and hash are checked.

        Raises:
            NotFound: The tenant has none of that id.
            Conflict: Nothing was uploaded yet.
            InvalidRequest: What was uploaded is not what was announced; it can be uploaded again.
        """
        before = self._files.existing(tenant, file_id)
        item = self._settled(tenant, before)
        body = loads(item["body"])
        if body["status"] == "pending":
            if "refused" in body and item["updated_at"] != before["updated_at"]:
                raise InvalidRequest(f"{body['refused']}: upload it again; GET /files/{file_id} says where")
            raise _not_there(file_id)
        return self._stored(tenant, item).shown

    def chunks(self, file: StoredFile) -> Iterator[bytes]:
        """A file's bytes, in parts of ``file_store.CHUNK_BYTES``.

        Raises:
            Conflict: They are not there yet.
            TransientError: The line broke; also from the iterator.
        """
        if not file.ready:
            raise _not_there(file.shown["id"])
        found = self._store.chunks(file.blob)
        if found is None:
            raise InternalError("The bytes of a file are missing from the bucket")
        return found

    def read(self, file: StoredFile, most: int) -> bytes:
        """All of a file's bytes.

        Raises:
            Conflict: They are not there yet.
            TooLarge: There are more than ``most``.
        """
        if file.size > most:
            raise TooLarge(f"The file has {file.size:,} bytes; at most {most:,} are read here")
        return b"".join(self.chunks(file))

    def download_url(self, file: StoredFile, disposition: str) -> str:
        """A URL that gives a file's bytes for ``DOWNLOAD_SECONDS`` to who has it.

        Raises:
            Conflict: They are not there yet.
        """
        if not file.ready:
            raise _not_there(file.shown["id"])
        mime_type = file.shown["mime_type"] or "application/octet-stream"
        return self._store.download(file.blob, mime_type=mime_type, disposition=disposition, seconds=DOWNLOAD_SECONDS)

    def delete(self, tenant: str, file_id: str) -> JsonObject:
        """Take a file away, with its bytes.

        Raises:
            NotFound: The tenant has none of that id.
        """
        return self._files.delete(tenant, file_id)

    def sweep(self, item: Item) -> None:
        """Look at a file that has been pending for ``PENDING_SECONDS``: it is made ready if its bytes are there, else deleted.

        Args:
            item: The file's, which was due a moment ago.
        """
        tenant = item["pk"].partition("#")[0]
        later = Change(
            set={"sweep_at": self._clock() // 1_000_000 + _LATER_SECONDS},
            condition="#updated_at = :seen AND attribute_exists(#sweep)",
            args={"seen": item["updated_at"]},
        )
        with suppress(ConditionFailed, NotFound):
            item = self._settled(tenant, self._tables.update(self._files.key(tenant, item["id"]), later))
            if loads(item["body"])["status"] == "pending":
                self._graves.bury("file", tenant, item["id"], {}, seen=item["updated_at"])

    def _settled(self, tenant: str, item: Item) -> Item:
        """A pending file whose bytes are there is made ready, or its upload refused."""
        body = loads(item["body"])
        name = blob_of(tenant, body)
        found = self._store.look(name) if body["status"] == "pending" else None
        if found is None:
            return item
        digest = ""
        refused = f"The upload has {found.size:,} bytes, not the {body['size']:,} that were announced"
        if found.size == body["size"]:
            digest = found.sha256 or self._hash(name)
            refused = f"The upload has the SHA-256 {digest}, not the announced {body['hash']}"
            if body["hash"] in {"", digest}:
                return self._mark(tenant, body, {"status": "ready", "hash": digest})
        item = self._mark(tenant, body, {"blob": fresh_name(), "refused": refused})
        if loads(item["body"])["blob"] != body["blob"]:
            self._store.delete([name])
        return item

    def _hash(self, name: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._store.chunks(name) or ():
            digest.update(chunk)
        return digest.hexdigest()

    def _mark(self, tenant: str, seen: JsonObject, change: JsonObject) -> Item:
        """Change a pending file whose bytes are still called as they were; of one that is ready nothing is changed."""

        def marked(old: JsonObject, _: Item) -> JsonObject:
            if old["status"] == "pending" and old["blob"] != seen["blob"]:
                raise self._files.busy(old["id"])
            if old["status"] == "ready":
                return old
            return {**{name: value for name, value in old.items() if name != "refused"}, **change}

        return self._files.rewrite_item(tenant, seen["id"], marked)

    def _stored(self, tenant: str, item: Item, known: JsonObject | None = None) -> StoredFile:
        body = loads(item["body"])
        view = self._projects.named(tenant, [file_shown(item)], known)[0]
        if body["status"] == "pending":
            view["upload"] = self._upload(tenant, body)
        return StoredFile(view, blob_of(tenant, body))

    def _upload(self, tenant: str, body: JsonObject) -> JsonObject:
        signed = self._store.upload(blob_of(tenant, body), body["size"], body["hash"] or None, UPLOAD_SECONDS)
        upload: dict[str, Any] = {
            "url": signed.url,
            "method": "PUT",
            "headers": dict(signed.headers),
            "expires_at": iso(self._clock() + UPLOAD_SECONDS * 1_000_000),
        }
        return {**upload, "error": body["refused"]} if "refused" in body else upload


def _not_there(file_id: str) -> Conflict:
    return Conflict(f"File {file_id} was not uploaded yet: PUT it to the 'upload' of GET /files/{file_id}")
