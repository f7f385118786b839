"""Files: what is accepted, what is kept, what becomes of projects."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.deletions import Graves
from silvercup.errors import Conflict, InvalidRequest, InvalidShape, NotFound, RequestError, TooLarge
from silvercup.http.downloads import content_headers, disposition, with_content
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from silvercup.resources.file_fields import MAX_FILE, decoded, file_given
from silvercup.resources.file_item import StoredFile
from silvercup.resources.file_store import CHUNK_BYTES
from silvercup.resources.files import FileService
from silvercup.resources.projects import ProjectService
from silvercup.storage import Key
from silvercup.values import loads
from tests.support.tables import MemoryFiles, MemoryQueue, MemoryTables

TENANT = uuid7()
HELLO = base64.b64encode(b"hello").decode()
HASH = hashlib.sha256(b"hello").hexdigest()


class Parts:
    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.queue = MemoryQueue()
        self.store = MemoryFiles()
        self.projects = ProjectService(self.tables)
        self.files = FileService(self.tables, self.store, self.projects, Graves(self.tables, self.queue))

    def file(self, **fields: Any) -> dict[str, Any]:
        return self.files.create(TENANT, {"name": "a", "content": HELLO, **fields}, file_id=uuid7())

    def announced(self, size: int = 5, **fields: Any) -> dict[str, Any]:
        return self.files.create(TENANT, {"name": "a", "size": size, **fields}, file_id=uuid7())

    def item(self, file: dict[str, Any]) -> dict[str, Any]:
        return self.tables.items[Key("core", f"{TENANT}#file#{file['id']}")]


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_defaults_and_what_is_shown(parts: Parts):
    file = parts.file()
    assert file | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "a",
        "description": "",
        "mime_type": None,
        "content": "",
        "size": 5,
        "hash": HASH,
        "status": "ready",
        "metadata": {},
        "project": "default",
        "created_at": "",
        "updated_at": "",
    }
    assert b"".join(parts.files.chunks(parts.files.find(TENANT, file["id"]))) == b"hello"
    assert parts.files.list(TENANT, ListQuery()).items == [file]


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"content": "a"}, InvalidShape, "content: .*base64"),
        ({"content": "h€llo"}, InvalidShape, "content: .*base64"),
        ({"content": "aGVsbG8_"}, InvalidShape, "content: .*base64"),
        ({"content": ""}, InvalidShape, "content: .*empty"),
        ({"content": " \n"}, InvalidShape, "content: .*empty"),
        ({"content": None}, InvalidShape, "content: .*missing"),
        ({"content": None, "upload": False, "size": 5}, InvalidShape, "content: .*missing"),
        ({"content": None, "upload": True}, InvalidShape, "size: .*missing"),
        ({"content": None, "size": 0}, InvalidShape, "size: .*at least 1"),
        ({"content": None, "size": -1}, InvalidShape, "size: .*at least 1"),
        ({"content": None, "size": MAX_FILE + 1}, TooLarge, "5,000,000,000"),
        ({"upload": True}, InvalidShape, "upload: .*not both"),
        ({"size": 6}, InvalidRequest, "size: .*5 bytes, not 6"),
        ({"hash": "0" * 64}, InvalidRequest, f"hash: .*{HASH}"),
        ({"hash": "0" * 63}, InvalidShape, "hash: .*64"),
        ({"hash": "g" * 64}, InvalidShape, "hash: .*64"),
        ({"hash": "0" * 64 + "\n"}, InvalidShape, "hash: .*64"),
        ({"name": ""}, InvalidShape, "name: .*empty"),
        ({"name": " \t"}, InvalidShape, "name: .*empty"),
        ({"name": "a\nb"}, InvalidShape, r"name: .*U\+000A"),
        ({"name": "a\x7f"}, InvalidShape, r"name: .*U\+007F"),
        ({"name": "a\x85"}, InvalidShape, r"name: .*U\+0085"),
        ({"name": "a\u2028"}, InvalidShape, r"name: .*U\+2028"),
        ({"name": "invoice\u202efdp.exe"}, InvalidShape, r"name: .*U\+202E"),
        ({"name": "a" * 10_000}, InvalidShape, "name: .*10,000"),
        ({"description": "a" * 16_001}, InvalidShape, "description: .*16,001"),
        ({"mime_type": "text"}, InvalidShape, "mime_type"),
        ({"mime_type": ""}, InvalidShape, "mime_type"),
        ({"mime_type": "text/html\r\nset-cookie: a=b"}, InvalidShape, "mime_type"),
        ({"mime_type": "text/html\n"}, InvalidShape, "mime_type"),
        ({"mime_type": 'a/b; c="d\r\n"'}, InvalidShape, "mime_type"),
        ({"mime_type": "text/ü"}, InvalidShape, "mime_type"),
        ({"mime_type": f"a/{'b' * 254}"}, InvalidShape, "mime_type"),
        ({"project": "nowhere"}, NotFound, "nowhere"),
        ({"metadata": {"a": "x" * 100_000}}, TooLarge, "100,000"),
    ],
)
def test_what_is_refused_is_said_and_leaves_nothing(
    parts: Parts, fields: dict[str, Any], error: type[RequestError], told: str
):
    with pytest.raises(error, match=told):
        parts.file(**fields)
    assert not parts.tables.items
    assert not parts.store.bodies


@pytest.mark.parametrize(
    "mime_type", ["text/plain", "text/plain; charset=utf-8", 'a/b;c="d e";f=g', "application/vnd.x+json", "x-world/x"]
)
def test_mime_types_are_kept_as_they_are(parts: Parts, mime_type: str):
    assert parts.file(mime_type=mime_type)["mime_type"] == mime_type


@given(st.binary(min_size=1), st.sampled_from(["\n", "\r\n", " "]))
def test_base64_may_have_line_breaks(body: bytes, separator: str):
    text = base64.b64encode(body).decode()
    assert decoded(separator.join(text[i : i + 76] for i in range(0, len(text), 76))) == body


def test_paths_in_names_are_only_names(parts: Parts):
    for name in ("../../etc/passwd", "C:\\boot.ini", "/", ".."):
        file = parts.file(name=name)
        assert file["name"] == name
        assert parts.files.find(TENANT, file["id"]).blob.startswith(f"{TENANT}/files/{file['id']}/")
    assert all(".." not in name for name in parts.store.bodies)


@given(st.text(min_size=1, max_size=255))
def test_no_name_gets_out_of_its_header(name: str):
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    kind, plain, encoded = header.split("; ")
    assert (kind, plain[:10], plain[-1], encoded[:17]) == ("attachment", 'filename="', '"', "filename*=UTF-8''")
    for shown in (plain[10:-1], encoded[17:]):
        assert shown.strip(".")
        assert not set(shown) & set('"/\\;\r\n')


@pytest.mark.parametrize(
    ("name", "saved"),
    [("a b.pdf", "a b.pdf"), ("../x/ü.txt", "_.txt"), ("C:\\a\\b.exe", "b.exe"), ("..", "file"), ("a/", "file")],
)
def test_a_file_is_saved_under_the_last_part_of_its_name(name: str, saved: str):
    assert f'filename="{saved}"' in disposition(name)


@pytest.mark.parametrize("mime_type", [None, "text/html", "image/svg+xml"])
def test_no_download_is_shown_as_a_page(mime_type: str | None):
    headers = content_headers({"mime_type": mime_type, "size": 5, "name": "a", "hash": HASH})
    assert headers["content-disposition"].startswith("attachment;")
    assert (headers["x-content-type-options"], headers["content-type"]) == (
        "nosniff",
        mime_type or "application/octet-stream",
    )
    assert "sandbox" in headers["content-security-policy"]


@given(st.binary(min_size=1, max_size=40), st.text(max_size=5))
def test_content_in_base64_is_as_long_as_it_is_said(body: bytes, name: str):
    assert CHUNK_BYTES % 3 == 0
    file = {"id": "1", "content": "", "name": name, "size": len(body)}
    length, made = with_content(file, (body[i : i + 3] for i in range(0, len(body), 3)))
    text = b"".join(made)
    assert len(text) == length
    assert base64.b64decode(loads(text)["content"]) == body


def test_files_follow_their_project(parts: Parts):
    ids = [uuid7(), uuid7()]
    for project_id, name in zip(ids, ("First", "second"), strict=True):
        parts.projects.create(TENANT, {"name": "P", "canonical_name": name}, project_id=project_id)
    plain, one, two = parts.file(), parts.file(project="FIRST"), parts.file(project="second")
    assert (plain["project"], one["project"]) == ("default", "First")

    def of(project: str) -> list[str]:
        return [file["id"] for file in parts.files.list(TENANT, ListQuery(), project=project).items]

    assert (of("default"), of("first"), of("second")) == ([plain["id"]], [one["id"]], [two["id"]])
    parts.projects.update(TENANT, ids[0], {"canonical_name": "other"})
    assert parts.files.get(TENANT, one["id"])["project"] == "other"
    parts.projects.delete(TENANT, ids[0])
    assert of("default") == [one["id"], plain["id"]]
    page = parts.files.list(TENANT, ListQuery(limit=1, offset=1), project="default")
    assert [file["id"] for file in page.items] == [plain["id"]]
    with pytest.raises(NotFound, match="other"):
        of("other")


def test_another_tenants_file_is_not_there(parts: Parts):
    file = parts.file()
    for method in (parts.files.get, parts.files.complete, parts.files.delete):
        with pytest.raises(NotFound):
            method(uuid7(), file["id"])
    assert parts.files.list(uuid7(), ListQuery()).items == []


def test_a_repeated_post_makes_one_file(parts: Parts):
    file_id = uuid7()
    fields = {"name": "a", "content": HELLO}
    first = parts.files.create(TENANT, fields, file_id=file_id)
    assert parts.files.create(TENANT, fields, file_id=file_id, repeated=True) == first
    assert len(parts.store.bodies) == 1


def test_a_file_that_is_ready_is_not_made_again(parts: Parts):
    file = parts.announced(hash=HASH)
    first = parts.files.find(TENANT, file["id"])
    parts.store.receive(file["upload"]["url"], b"hello")
    assert parts.files.complete(TENANT, file["id"])["status"] == "ready"
    assert parts.files.find(TENANT, file["id"]).blob == first.blob
    before = parts.item(file)
    assert parts.files.complete(TENANT, file["id"])["updated_at"] == parts.files.get(TENANT, file["id"])["updated_at"]
    assert parts.item(file) == before


def test_bytes_are_read_only_once_they_are_there(parts: Parts):
    file = parts.files.find(TENANT, parts.announced()["id"])
    for read in (
        parts.files.chunks,
        lambda file: parts.files.read(file, 10),
        lambda file: parts.files.download_url(file, "x"),
    ):
        with pytest.raises(Conflict, match="not uploaded yet"):
            read(file)
    ready = parts.files.find(TENANT, parts.file()["id"])
    assert parts.files.read(ready, 5) == b"hello"
    with pytest.raises(TooLarge, match="5 bytes; at most 4"):
        parts.files.read(ready, 4)


def test_an_upload_is_bound_to_its_size_and_hash(parts: Parts):
    cases: list[tuple[dict[str, Any], str]] = [({}, ""), ({"hash": HASH.upper(), "upload": True}, HASH)]
    for more, bound in cases:
        upload = parts.announced(**more)["upload"]
        assert (upload["method"], upload["headers"]) == ("PUT", {"x-hash": bound})
        assert "size=5&seconds=3600" in upload["url"]


def test_a_pending_file_is_due_after_a_day_and_a_ready_one_never(parts: Parts):
    pending, ready = parts.announced(), parts.file()
    made = parts.item(pending)
    assert made["sweep_at"] == made["created_at"] // 1_000_000 + 86_400
    assert made["sweep"].startswith("sweep#")
    assert not {"sweep", "sweep_at"} & parts.item(ready).keys()


def test_what_the_sweeper_saw_before_a_file_changed_does_nothing(parts: Parts):
    file = parts.announced()
    seen = dict(parts.item(file))
    parts.store.receive(file["upload"]["url"], b"hello")
    parts.files.complete(TENANT, file["id"])
    parts.files.sweep(seen)
    assert parts.files.get(TENANT, file["id"])["status"] == "ready"
    assert not parts.queue.messages


def test_a_file_given_knows_its_hash_and_size():
    made = file_given({"name": "a", "content": HELLO, "size": 5, "hash": HASH.upper()})
    assert (made.body["size"], made.body["hash"], made.content) == (5, HASH, b"hello")
    assert StoredFile({"status": "pending", "size": 7}, "x").size == 7
