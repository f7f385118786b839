"""Integrations that send files, wait for what they asked for, or sign: over real HTTP, with answers of the recorded shapes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.integrations import failed, form_of, integrate
from tests.support.tool_server import Reply, ToolServer

PAGE = {
    "content": "# Otters",
    "costs": {"ai_cost": 0, "file_cost": 0.0001, "total_cost": 0.0002},
    "error": None,
    "status": 200,
    "url": "https://otters.example",
    "duration_elapsed_ms": 12,
}
SPIDER = {"spider_api_key": "key"}
ELEMENTS = [
    {
        "type": "Title",
        "element_id": "db1ca22813f01feda8759ff04a844e56",
        "text": "Otters",
        "metadata": {"filename": "a.pdf", "filetype": "application/pdf", "languages": ["eng"], "page_number": 1},
    }
]
UNSTRUCTURED = {"unstructured_api_key": "key"}
FILE = bytes(range(256)) * 20
IN_BASE64 = base64.b64encode(FILE).decode()


@pytest.mark.parametrize("method", ["crawl", "links", "screenshot"])
def test_spider(method: str):
    with ToolServer(
        lambda _: Reply.json([PAGE, {"url": "https://b.example", "error": "gone", "status": 404}])
    ) as server:
        given = {"url": "https://otters.example", "params": {"limit": 2, "metadata": False}}
        found = integrate(server, "spider", given, method=method, setup=SPIDER)
        assert found["result"] == [
            {key: value for key, value in PAGE.items() if key != "duration_elapsed_ms"},
            {"content": None, "costs": None, "error": "gone", "status": 404, "url": "https://b.example"},
        ]
        seen = server.requests[0]
        assert (seen.method, seen.path, seen.headers["authorization"]) == ("POST", f"/{method}", "Bearer key")
        assert json.loads(seen.body) == {"url": "https://otters.example", "limit": 2, "metadata": False}


@pytest.mark.parametrize(
    "answer",
    [
        {"content": [{"title": "Otters", "description": "They swim.", "url": "https://otters.example"}]},
        [{"content": "They swim.", "url": "https://otters.example"}],
    ],
)
def test_spider_searches(answer: Any):
    with ToolServer(lambda _: Reply.json(answer)) as server:
        (found,) = integrate(server, "spider", {"url": "otters"}, method="search", setup=SPIDER)["result"]
        assert (found["content"], found["url"]) == ("They swim.", "https://otters.example")
        assert (server.requests[0].path, json.loads(server.requests[0].body)) == ("/search", {"search": "otters"})


def test_spider_gives_other_types_as_they_are():
    with ToolServer(lambda _: Reply(b"url,content\na,b\n", headers={"Content-Type": "text/csv"})) as server:
        given = {"url": "https://a.example", "content_type": "text/csv"}
        (page,) = integrate(server, "spider", given, setup=SPIDER)["result"]
        assert (page["content"], page["status"], page["url"]) == ("url,content\na,b\n", 200, "https://a.example")
        assert server.requests[0].headers["accept"] == "text/csv"
        assert "the answer is not JSON" in failed(server, "spider", {"url": "https://a.example"}, setup=SPIDER).message


def test_unstructured():
    with ToolServer(lambda _: Reply.json(ELEMENTS)) as server:
        params = {"strategy": "High-Res", "languages": ["eng", "deu"], "coordinates": True, "max_characters": 500}
        given = {"file": IN_BASE64, "filename": 'a".pdf', "partition_params": params}
        found = integrate(server, "unstructured", given, setup=UNSTRUCTURED)
        assert found == {
            "content_type": "application/json",
            "status_code": 200,
            "csv_elements": None,
            "content": ELEMENTS,
        }
        seen = server.requests[0]
        assert (seen.path, seen.headers["unstructured-api-key"]) == ("/general/v0/general", "key")
        assert form_of(seen) == [
            ("strategy", None, b"hi_res"),
            ("languages", None, b"eng"),
            ("languages", None, b"deu"),
            ("coordinates", None, b"true"),
            ("max_characters", None, b"500"),
            ("files", "a%22.pdf", FILE),
        ]


def test_unstructured_elsewhere_and_as_csv():
    answer = Reply(b"type,text\nTitle,Otters\n", headers={"Content-Type": "text/csv; charset=utf-8"})
    with ToolServer(lambda _: answer) as here, ToolServer(lambda _: Reply()) as usual:
        setup = {**UNSTRUCTURED, "server_url": f"{here.url}/{{tenant}}/", "url_params": {"tenant": "otters"}}
        given = {"file": IN_BASE64, "partition_params": {"output_format": "text/csv"}}
        found = integrate(usual, "unstructured", given, setup=setup)
        assert found == {
            "content_type": "text/csv",
            "status_code": 200,
            "csv_elements": "type,text\nTitle,Otters\n",
            "content": None,
        }
        assert usual.connections == 0
        assert here.requests[0].path == "/otters/general/v0/general"


@pytest.mark.parametrize(
    ("given", "setup", "why"),
    [
        ({"file": "no base64!"}, UNSTRUCTURED, "is not base64"),
        (
            {"file": "YQ", "partition_params": {"strategy": "best"}},
            UNSTRUCTURED,
            "strategy 'best' is none that there is",
        ),
        ({"file": "YQ"}, {}, "lacks unstructured_api_key"),
        ({"file": "YQ"}, {**UNSTRUCTURED, "server_url": "https://{x}.example"}, "lacks x, which server_url names"),
        ({"file": "YQ"}, {**UNSTRUCTURED, "timeout_ms": True}, "timeout_ms in the setup"),
        ({}, UNSTRUCTURED, "file"),
    ],
)
def test_unstructured_that_will_not_do(given: dict[str, Any], setup: dict[str, Any], why: str):
    with ToolServer(lambda _: Reply.json([])) as server:
        assert why in failed(server, "unstructured", given, setup=setup).message
        assert server.connections == 0
