from __future__ import annotations

from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from local.web import Web


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    console = tmp_path / "console"
    console.mkdir()
    (console / "index.html").write_text("<h1>console</h1>")
    (console / "app.js").write_text("1")
    (tmp_path / "secret").write_text("hidden contents")

    async def api(scope, receive, send):
        await PlainTextResponse(f"api {scope['path']}")(scope, receive, send)

    return TestClient(Web(api, console))


def test_a_browser_at_the_root_is_sent_to_the_console(client: TestClient) -> None:
    answer = client.get("/", headers={"Accept": "text/html,*/*"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")
    assert client.get("/", headers={"Accept": "application/json"}).text == "api /"
    assert client.post("/", headers={"Accept": "text/html"}).text == "api /"
    assert client.get("/console", follow_redirects=False).headers["location"] == "/console/"


def test_the_console_is_served_with_its_types(client: TestClient) -> None:
    assert client.get("/console/").headers["content-type"].startswith("text/html")
    assert client.get("/console/app.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/console/none").status_code == 404


@pytest.mark.parametrize(
    "path", ["/console/../secret", "/console/%2e%2e/secret", "/console/..%2fsecret", "/console/%2fetc/passwd"]
)
def test_nothing_outside_the_console_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 or answer.text.startswith("api ")
    assert "hidden contents" not in answer.text


@pytest.mark.parametrize("path", ["/api/agents", "/agents", "/consoles"])
def test_the_rest_is_the_apis(client: TestClient, path: str) -> None:
    assert client.get(path).text == f"api {path}"
