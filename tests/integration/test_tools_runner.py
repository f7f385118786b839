"""``api_call`` tools and integrations over real HTTP, through the runner that a deployment has."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from silvercup.container import Container
from silvercup.errors import ToolFailed
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from silvercup.tools.integrations.provider import later
from tests.support.integrations import failed, integrate, runner_of
from tests.support.tool_server import Answer, Hang, Reply, Seen, ToolServer

PAGES = {
    "736": ("Albert Einstein", "Albert Einstein was a physicist.\n\n\n== Life ==\n" + "He lived. " * 600),
    "9988": ("Einstein family", "The family."),
    "11": ("Nothing", ""),
}
ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <link href="http://arxiv.org/api/query?x" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query</title>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">1</opensearch:totalResults>
  <entry>
    <id>http://arxiv.org/abs/1706.03762v7</id>
    <updated>2023-08-02T00:41:18Z</updated>
    <published>2017-06-12T17:57:34Z</published>
    <title>Attention Is
  All You Need</title>
    <summary>  The dominant sequence &amp; transduction models.
</summary>
    <author><name>Ashish Vaswani</name></author>
    <author><name>Noam Shazeer</name></author>
    <arxiv:comment xmlns:arxiv="http://arxiv.org/schemas/atom">15 pages</arxiv:comment>
    <link href="http://arxiv.org/abs/1706.03762v7" rel="alternate" type="text/html"/>
    <link title="pdf" href="http://arxiv.org/pdf/1706.03762v7" rel="related" type="application/pdf"/>
    <arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="cs.CL" scheme="http://arxiv.org/schemas/atom"/>
    <category term="cs.CL" scheme="http://arxiv.org/schemas/atom"/>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
</feed>"""
WEATHER = {
    "coord": {"lon": -0.1257, "lat": 51.5085},
    "weather": [{"id": 803, "main": "Clouds", "description": "broken clouds", "icon": "04d"}],
    "main": {"temp": 11.5, "feels_like": 10.7, "temp_min": 10.1, "temp_max": 12.9, "pressure": 1012, "humidity": 76},
    "wind": {"speed": 4.12, "deg": 240},
    "clouds": {"all": 75},
    "name": "London",
    "cod": 200,
}
BRAVE = {
    "type": "search",
    "web": {
        "type": "search",
        "results": [
            {"title": "One", "url": "https://one.example", "description": "First.", "extra_snippets": ["More.", ""]},
            {"title": "Two", "url": "https://two.example", "description": None},
        ],
    },
}


def wikipedia(seen: Seen) -> Answer:
    query = seen.query
    if query.get("list") == "search":
        found = [{"ns": 0, "title": title, "pageid": int(number)} for number, (title, _) in PAGES.items()]
        return Reply.json({"batchcomplete": "", "query": {"search": found[: int(query["srlimit"])]}})
    title, extract = PAGES[query["pageids"]]
    page = {
        "pageid": 1,
        "ns": 0,
        "title": title,
        "extract": extract,
        "fullurl": f"https://en.wikipedia.org/wiki/{title}",
    }
    return Reply.json({"batchcomplete": "", "query": {"pages": {query["pageids"]: page}}})


def test_wikipedia():
    with ToolServer(wikipedia) as server:
        found = integrate(server, "wikipedia", {"query": "Albert & Co", "load_max_docs": 3})
        assert [doc["metadata"]["title"] for doc in found["documents"]] == ["Albert Einstein", "Einstein family"]
        first = found["documents"][0]
        assert first["metadata"] == {
            "title": "Albert Einstein",
            "summary": "Albert Einstein was a physicist.",
            "source": "https://en.wikipedia.org/wiki/Albert Einstein",
        }
        assert len(first["page_content"]) == 4_000
        assert server.requests[0].query["srsearch"] == "Albert & Co"
        assert len(integrate(server, "wikipedia", {"query": "x"})["documents"]) == 2
        assert (
            "11 is greater than the maximum" in failed(server, "wikipedia", {"query": "x", "load_max_docs": 11}).message
        )


def test_weather():
    with ToolServer(lambda _: Reply.json(WEATHER)) as server:
        setup = {"openweathermap_api_key": "k&y"}
        found = integrate(server, "weather", {"location": "London,GB"}, method="get", setup=setup)
        assert found == {
            "result": "In London,GB, the current weather is as follows:\n"
            "Detailed status: broken clouds\n"
            "Wind speed: 4.12 m/s, direction: 240°\n"
            "Humidity: 76%\n"
            "Temperature: \n"
            "  - Current: 11.5°C\n"
            "  - High: 12.9°C\n"
            "  - Low: 10.1°C\n"
            "  - Feels like: 10.7°C\n"
            "Rain: {}\n"
            "Heat index: None\n"
            "Cloud cover: 75%"
        }
        assert server.requests[0].query == {"q": "London,GB", "units": "metric", "appid": "k&y"}


def test_brave():
    with ToolServer(lambda _: Reply.json(BRAVE)) as server:
        found = integrate(server, "brave", {}, setup={"brave_api_key": "key"}, arguments={"query": "q"})
        assert found == {
            "result": [
                {"title": "One", "link": "https://one.example", "snippet": "First. More."},
                {"title": "Two", "link": "https://two.example", "snippet": ""},
            ]
        }
        seen = server.requests[0]
        assert (seen.path, seen.query) == ("/res/v1/web/search", {"q": "q", "count": "3"})
        assert seen.headers["x-subscription-token"] == "key"


def test_arxiv():
    def answer(seen: Seen) -> Answer:
        return Reply(b"%PDF-1.5") if seen.path == "/pdf/1706.03762v7" else Reply(ATOM.encode())

    with ToolServer(answer) as server:
        (paper,) = integrate(server, "arxiv", {"query": "ti:attention"})["result"]
        assert paper == {
            "entry_id": "http://arxiv.org/abs/1706.03762v7",
            "title": "Attention Is All You Need",
            "updated": "2023-08-02T00:41:18Z",
            "published": "2017-06-12T17:57:34Z",
            "authors": ["Ashish Vaswani", "Noam Shazeer"],
            "summary": "The dominant sequence & transduction models.",
            "comment": "15 pages",
            "journal_ref": None,
            "doi": None,
            "primary_category": "cs.CL",
            "categories": ["cs.CL", "cs.LG"],
            "links": ["http://arxiv.org/abs/1706.03762v7", "http://arxiv.org/pdf/1706.03762v7"],
            "pdf_url": "http://arxiv.org/pdf/1706.03762v7",
            "pdf_downloaded": None,
        }
        assert server.requests[0].query == {
            "search_query": "ti:attention",
            "start": "0",
            "max_results": "5",
            "sortBy": "relevance",
            "sortOrder": "descending",
        }
        (whole,) = integrate(server, "arxiv", {"query": "x", "download_pdf": True, "id_list": None})["result"]
        assert base64.b64decode(whole["pdf_downloaded"]["base64"]) == b"%PDF-1.5"
        assert whole["pdf_downloaded"]["title"] == "Attention Is All You Need"


def test_the_definition_wins_and_nothing_comes_of_dummy():
    with ToolServer(lambda _: Reply()) as server:
        assert integrate(server, "dummy", {"a": 1, "b": 2}, arguments={"b": 3}) == {"a": 1, "b": 3}
        assert server.connections == 0


@pytest.mark.parametrize("provider", later())
def test_other_providers_of_v1_say_that_they_are_not_there(provider: str):
    with ToolServer(lambda _: Reply()) as server:
        assert f"{provider!r} is not available in this version" in failed(server, provider, {}).message
        assert server.connections == 0


@pytest.mark.parametrize(
    ("setup", "why"),
    [
        ({}, "The setup of the integration brave lacks brave_api_key"),
        ({"brave_api_key": ""}, "lacks brave_api_key"),
        ({"brave_api_key": 3}, "brave_api_key in the setup of the integration brave must be a string"),
        ({"brave_api_key": "a\r\nX: y"}, "'X-Subscription-Token' has line breaks"),
    ],
)
def test_a_setup_that_will_not_do_is_told_without_its_values(setup: dict[str, Any], why: str):
    with ToolServer(lambda _: Reply()) as server:
        assert why in failed(server, "brave", {"query": "q"}, setup=setup).message
        assert server.connections == 0


@pytest.mark.parametrize(
    ("answer", "transient", "why"),
    [
        (Reply(b'{"message": "Invalid API key"}', 401), False, 'answered 401 Said: {"message": "Invalid API key"}'),
        (Reply(b"slow down", 429), True, "answered 429"),
        (Reply(b"<html>", 200), False, "answered with what is not JSON"),
        (Reply(b'{"web": 3}', 200), False, "does not have the shape that it should"),
        (Reply(b'{"web": {"results": [{}]}}', 200), False, "does not have the shape that it should"),
        (Hang(), True, "did not answer in time"),
    ],
)
def test_what_a_provider_does_wrong_is_told(answer: Answer, transient: bool, why: str):
    with ToolServer(lambda _: answer) as server:
        tool = {
            "name": "use",
            "type": "integration",
            "integration": {"provider": "brave", "setup": {"brave_api_key": "s3cr3t"}},
        }
        with pytest.raises(ToolFailed) as caught:
            runner_of(tool_urls=json.dumps({"brave": server.url})).run(ToolCall("t", tool, {"query": "q"}, 0.4))
    assert caught.value.message.startswith("Error in executing brave.search: ")
    assert why in caught.value.message
    assert caught.value.transient == transient
    assert "s3cr3t" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "XML that has a document type"),
        (b"<a><b></a>", "XML that is not well formed (line 1)"),
        (b"<a>" * 60 + b"</a>" * 60, "XML that is nested too deeply"),
        (b"", "XML that is not well formed"),
    ],
)
def test_xml_that_will_not_do(body: bytes, why: str):
    with ToolServer(lambda _: Reply(body)) as server:
        assert why in failed(server, "arxiv", {"query": "x"}).message


def test_an_api_call_from_end_to_end():
    def answer(seen: Seen) -> Answer:
        return Reply.json({"path": seen.path, "query": seen.query, "got": json.loads(seen.body)})

    with ToolServer(answer) as server:
        spec = {
            "method": "POST",
            "url": f"{server.url}/cities/{{city}}",
            "headers": {"Authorization": "Bearer t"},
            "params": {"units": "metric"},
            "json": {"days": 1},
            "params_schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            },
        }
        tool = {"name": "plan", "type": "api_call", "api_call": spec}
        result = runner_of().run(ToolCall("t", tool, {"city": "a/b", "days": 3}, 30, by_model=False))
        assert result["json"] == {"path": "/cities/a%2Fb", "query": {"units": "metric"}, "got": {"days": 3}}
        assert result["headers"]["content-type"] == "application/json"
        assert json.loads(base64.b64decode(result["content"])) == result["json"]
        assert server.requests[0].headers["authorization"] == "Bearer t"
        with pytest.raises(ToolFailed, match="a loopback address; tools reach public addresses only"):
            Container(Settings()).tool_runner.run(ToolCall("t", tool, {"city": "x"}, 30))
        assert len(server.requests) == 1


def test_a_binary_answer_comes_in_base64():
    body = bytes(range(256))
    with ToolServer(lambda _: Reply(body)) as server:
        tool = {"name": "get", "type": "api_call", "api_call": {"method": "GET", "url": server.url}}
        result = runner_of().run(ToolCall("t", tool, {}, 30))
    assert base64.b64decode(result["content"]) == body
    assert result["json"] is None
