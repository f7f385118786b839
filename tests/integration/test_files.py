"""Files over a whole stack: what is sent with the request, what is uploaded to the bucket, what is left behind."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import httpx
import pytest

from local.stack import Stack
from silvercup.http import downloads
from silvercup.resources.file_item import PENDING_SECONDS, folder
from silvercup.resources.files import FileService
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Key
from tests.integration.test_care import caretaker
from tests.support.runs import Api, wait_until

BODY = bytes(range(256)) * 5_000
"""1.28 MB: two parts of the store."""


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def sent(api: Api, body: bytes = BODY, **fields: Any) -> dict[str, Any]:
    content = base64.b64encode(body).decode()
    return api.call("POST", "/files", {"name": "a.bin", "content": content, **fields})


def announced(api: Api, body: bytes, **fields: Any) -> dict[str, Any]:
    return api.call("POST", "/files", {"name": "big.txt", "upload": True, "size": len(body), **fields})


def uploaded(file: dict[str, Any], body: bytes) -> httpx.Response:
    upload = file["upload"]
    return httpx.request(upload["method"], upload["url"], content=body, headers=upload["headers"])


def bodies(stack: Stack, file_id: str) -> list[str]:
    return stack.container.blobs.names(folder(DEFAULT_TENANT, file_id), 10)


def item(stack: Stack, file_id: str) -> dict[str, Any] | None:
    return stack.container.tables.get(Key("core", f"{DEFAULT_TENANT}#file#{file_id}"))


def test_what_is_sent_comes_back(api: Api, stack: Stack):
    made = sent(api, mime_type="image/png", description="All bytes", metadata={"n": 1})
    assert (made["size"], made["hash"], made["status"]) == (len(BODY), digest(BODY), "ready")
    got = api.http.get(f"/files/{made['id']}")
    assert int(got.headers["content-length"]) == len(got.content)
    assert got.json() == {**made, "content": base64.b64encode(BODY).decode()}
    assert api.call("GET", f"/files/{made['id']}?content=false") == made
    raw = api.http.get(f"/files/{made['id']}/content")
    assert (raw.content, raw.headers["content-type"]) == (BODY, "image/png")
    assert raw.headers["content-disposition"].startswith('attachment; filename="a.bin"')
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert len(bodies(stack, made["id"])) == 1
    assert "sweep" not in (item(stack, made["id"]) or {})


@pytest.mark.parametrize("told", [False, True], ids=["read", "completed"])
@pytest.mark.parametrize("hashed", [False, True], ids=["size", "size and hash"])
def test_what_is_uploaded_is_ready_when_it_is_read_or_completed(api: Api, stack: Stack, *, told: bool, hashed: bool):
    file = announced(api, BODY, **({"hash": digest(BODY).upper()} if hashed else {}))
    assert (file["status"], file["content"], file["hash"]) == ("pending", "", digest(BODY) if hashed else "")
    assert api.http.get(f"/files/{file['id']}").json()["status"] == "pending"
    assert api.http.get(f"/files/{file['id']}/content").status_code == 409
    assert api.http.post(f"/files/{file['id']}/complete").status_code == 409
    assert uploaded(file, BODY).status_code == 200
    assert uploaded(file, b"x" * len(BODY)).status_code == 412
    if told:
        done = api.call("POST", f"/files/{file['id']}/complete")
        assert (done["status"], done["hash"], "upload" in done) == ("ready", digest(BODY), False)
    assert api.http.get(f"/files/{file['id']}/content").content == BODY
    assert api.call("GET", "/files?limit=1")[0]["hash"] == digest(BODY)
    assert api.call("POST", f"/files/{file['id']}/complete")["status"] == "ready"
    assert uploaded(file, b"x" * len(BODY)).status_code == 412
    assert "sweep" not in (item(stack, file["id"]) or {})


@pytest.mark.parametrize(("body", "why"), [(BODY[:-1], "bytes"), (BODY[::-1], "SHA-256")], ids=["size", "hash"])
def test_a_wrong_upload_is_told_and_can_be_made_again(api: Api, stack: Stack, body: bytes, why: str):
    file = announced(api, BODY, hash=digest(BODY))
    assert uploaded(file, body).status_code == 200
    refused = api.http.post(f"/files/{file['id']}/complete")
    assert (refused.status_code, why in refused.json()["error"]["message"]) == (400, True)
    assert bodies(stack, file["id"]) == []
    assert api.http.post(f"/files/{file['id']}/complete").status_code == 409
    again = api.call("GET", f"/files/{file['id']}")
    assert (again["status"], why in again["upload"]["error"]) == ("pending", True)
    assert again["upload"]["url"] != file["upload"]["url"]
    assert uploaded(again, BODY).status_code == 200
    assert api.call("POST", f"/files/{file['id']}/complete")["hash"] == digest(BODY)
    uploaded(file, body)
    assert api.http.get(f"/files/{file['id']}/content").content == BODY


def test_a_large_file_is_fetched_from_the_bucket(api: Api, monkeypatch: pytest.MonkeyPatch):
    from silvercup.http.routes import files

    monkeypatch.setattr(files, "MAX_STREAMED", len(BODY) - 1)
    file = sent(api, name="../ü/evil\\<b>.html", mime_type="text/html")
    elsewhere = api.http.get(f"/files/{file['id']}/content", follow_redirects=False)
    assert elsewhere.status_code == 307
    got = httpx.get(elsewhere.headers["location"])
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, BODY, "text/html")
    assert got.headers["content-disposition"] == downloads.disposition("<b>.html")
    refused = api.http.get(f"/files/{file['id']}")
    assert (refused.status_code, "/content" in refused.json()["error"]["message"]) == (413, True)
    assert api.call("GET", f"/files/{file['id']}?content=false")["size"] == len(BODY)


def test_a_deleted_file_leaves_nothing_also_when_it_is_uploaded_afterwards(api: Api, stack: Stack):
    for file in (sent(api), announced(api, BODY)):
        assert api.http.delete(f"/files/{file['id']}").status_code == 202
        for method, path in (("GET", ""), ("GET", "/content"), ("POST", "/complete"), ("DELETE", "")):
            assert api.http.request(method, f"/files/{file['id']}{path}").status_code == 404
        if "upload" in file:
            assert uploaded(file, BODY).status_code == 200
            wait_until(lambda file=file: "passed" in (item(stack, file["id"]) or {}), "the first removal")
            stack.container.remover.resend(item(stack, file["id"]) or {})
        wait_until(lambda file=file: bodies(stack, file["id"]) == [], "the removal")
        left = item(stack, file["id"])
        assert left is not None
        assert "gone" in left


def later(stack: Stack) -> Any:
    """A sweeper a day ahead."""
    made = caretaker(stack, PENDING_SECONDS + 60)
    parts = stack.container

    def clock() -> int:
        return time.time_ns() // 1000 + (PENDING_SECONDS + 60) * 1_000_000

    made._files = lambda: FileService(parts.tables, parts.file_store, parts.projects, parts.graves, clock)
    return made


def test_what_was_never_uploaded_is_removed_after_a_day_and_what_was_stays(api: Api, stack: Stack):
    never, was, wrong = (announced(api, BODY) for _ in range(3))
    uploaded(was, BODY)
    uploaded(wrong, b"short")
    stack.container.caretaker.sweep()
    assert api.call("GET", f"/files/{never['id']}?content=false")["status"] == "pending"
    later(stack).sweep()
    assert (item(stack, was["id"]) or {}).get("sweep") is None
    assert json.loads((item(stack, was["id"]) or {})["body"])["status"] == "ready"
    for file in (never, wrong):
        assert api.http.get(f"/files/{file['id']}").status_code == 404
        wait_until(lambda file=file: bodies(stack, file["id"]) == [], "the removal")
    assert api.http.get(f"/files/{was['id']}/content").content == BODY


def test_a_file_becomes_a_doc(api: Api):
    agent = api.agent()
    text = f"# Tides\n\nThe moon pulls. {agent}".encode()
    file = announced(api, text, mime_type="text/markdown")
    early = api.http.post(f"/agents/{agent}/docs/file", json={"file_id": file["id"]})
    assert early.status_code == 409
    uploaded(file, text)
    doc = api.call("POST", f"/agents/{agent}/docs/file", {"file_id": file["id"]})
    assert (doc["title"], doc["content"]) == ("Tides", [text.decode()])
    named = api.call("POST", f"/agents/{agent}/docs/file", {"file_id": file["id"], "name": "x.txt", "title": "T"})
    assert named["title"] == "T"
    for body in ({}, {"file_id": file["id"], "content": "eA=="}, {"content": "eA=="}):
        assert api.http.post(f"/agents/{agent}/docs/file", json=body).status_code == 422
    missing = {"file_id": agent}
    assert api.http.post(f"/agents/{agent}/docs/file", json=missing).status_code == 404


def test_a_post_that_broke_off_before_its_bytes_were_there_is_finished_by_its_repetition(api: Api, stack: Stack):
    store = stack.container.file_store
    key = {"idempotency-key": f"file-{time.time_ns()}"}
    body = {"name": "a", "content": base64.b64encode(b"hello").decode()}

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def put(self, *_: Any) -> None:
            raise RuntimeError("the line broke")

    stack.container.files._store = Broken()  # type: ignore[assignment]
    try:
        assert api.http.post("/files", json=body, headers=key).status_code == 500
    finally:
        stack.container.files._store = store
    again = api.http.post("/files", json=body, headers=key).json()
    assert (again["status"], api.http.get(f"/files/{again['id']}/content").content) == ("ready", b"hello")
    assert api.http.post("/files", json=body, headers=key).json() == again
    assert [one["id"] for one in api.call("GET", "/files?limit=2")].count(again["id"]) == 1
