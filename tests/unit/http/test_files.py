"""The routes of files over a store in memory."""

from __future__ import annotations

import base64

import pytest

from silvercup.http.edge import MAX_BODY
from tests.unit.http.conftest import Api

HELLO = base64.b64encode(b"hello").decode()


def test_a_file_goes_through_its_life(api: Api):
    made = api("POST", "/files", json={"name": "a.html", "mime_type": "text/html", "content": HELLO, "colour": 1})
    assert made.status_code == 201
    assert "colour" in made.headers["x-silvercup-warnings"]
    file = made.json()
    at = f"/files/{file['id']}"
    got = api("GET", at)
    assert (got.json(), got.headers["content-type"]) == ({**file, "content": HELLO}, "application/json")
    assert api("GET", f"{at}?content=false").json() == file
    assert api("GET", "/files").json() == [file]
    raw = api("GET", f"{at}/content")
    assert (raw.content, raw.headers["content-length"], raw.headers["etag"]) == (b"hello", "5", f'"{file["hash"]}"')
    assert raw.headers["content-disposition"] == "attachment; filename=\"a.html\"; filename*=UTF-8''a.html"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert api("HEAD", at).content == b""
    assert api("POST", f"{at}/complete").json() == file
    assert api("DELETE", at).status_code == 202
    assert [api("GET", path).status_code for path in (at, f"{at}/content", "/files/x")] == [404, 404, 404]


@pytest.mark.parametrize(
    ("path", "advised"),
    [("/files", True), ("/api/agents/01912345-6789-7abc-8def-0123456789ab/docs/file", True), ("/agents", False)],
)
def test_a_body_that_is_too_large_for_the_api_is_told_about_uploads(api: Api, path: str, *, advised: bool):
    body = b'{"name": "a", "content": "' + b"A" * MAX_BODY + b'"}'
    answer = api("POST", path, content=body)
    assert answer.status_code == 413
    assert ("upload: true" in answer.json()["error"]["message"]) == advised


def test_an_upload_is_announced_and_completed(api: Api):
    file = api("POST", "/files", json={"name": "a", "upload": True, "size": 5}).json()
    at = f"/files/{file['id']}"
    assert (file["status"], file["upload"]["method"]) == ("pending", "PUT")
    refused = api("POST", f"{at}/complete")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert api("GET", f"{at}/content").status_code == 409
    assert api("GET", at).json()["content"] == ""
    api.container.file_store.receive(file["upload"]["url"], b"hello")
    assert api("GET", at).json()["content"] == HELLO


def test_wrong_shapes_name_the_field(api: Api):
    for body, field in (
        ({"content": HELLO}, "name"),
        ({"name": "a"}, "content"),
        ({"name": "a", "content": 5}, "content"),
        ({"name": "a", "size": "5"}, "size"),
        ({"name": "a", "size": 5, "upload": 1}, "upload"),
        ({"name": "a\r\nb", "content": HELLO}, "name"),
        ({"name": "a" * 10_000, "content": HELLO}, "name"),
        ({"name": "a", "content": HELLO, "mime_type": "text/html\r\nx: y"}, "mime_type"),
        ({"name": "a", "content": HELLO, "project": "a b"}, "project"),
    ):
        answer = api("POST", "/files", json=body)
        assert (answer.status_code, field in answer.json()["error"]["message"]) == (422, True), answer.text
    assert api("GET", "/files").json() == []
    assert api("GET", "/files?project=nowhere").status_code == 404
