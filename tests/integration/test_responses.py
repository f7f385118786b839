"""The Responses API through OpenAI's own client, on a stack whose model and whose web are real HTTP servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseFunctionWebSearch

from local.stack import Stack
from silvercup.ids import uuid7
from tests.support.local import running
from tests.support.provider import Drop, Failure, FakeProvider, Hang, Reply
from tests.support.runs import wait_until
from tests.support.tool_server import Reply as ToolReply
from tests.support.tool_server import Seen, ToolServer

MODEL = "claude-sonnet-4-5"
ADD: Any = {
    "type": "function",
    "name": "add",
    "description": "Adds",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    "strict": False,
}
SEARCH: Any = {"type": "web_search_preview"}


def page(seen: Seen) -> ToolReply:
    found = {"title": "Silvercup", "url": "https://example.com", "description": f"About {seen.query['q']}"}
    return ToolReply.json({"web": {"results": [found]}})


@pytest.fixture(scope="module")
def brave() -> Iterator[ToolServer]:
    with ToolServer(page) as server:
        yield server


@pytest.fixture(scope="module")
def searching(provider: FakeProvider, brave: ToolServer) -> Iterator[Stack]:
    """A stack that searches the web there."""
    urls = json.dumps({"brave": brave.url})
    with running(
        provider, SILVERCUP_TOOL_URLS=urls, SILVERCUP_ALLOW_LOOPBACK_TOOLS="1", BRAVE_API_KEY="planted-brave-key"
    ) as stack:
        yield stack


@pytest.fixture
def client(searching: Stack, provider: FakeProvider) -> Iterator[openai.OpenAI]:
    provider.clear()
    with openai.OpenAI(
        base_url=f"{searching.url}/api", api_key="any", max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def said(provider: FakeProvider) -> list[str]:
    """The words that the model was sent last."""
    words: list[str] = []
    for message in provider.requests[-1].body["messages"]:
        content = message["content"]
        words += [content] if isinstance(content, str) else [part.get("text", part["type"]) for part in content]
    return words


def test_a_function_is_called_and_its_output_goes_back(client: openai.OpenAI, provider: FakeProvider):
    provider.script(Reply("Let me add", tools=[("add", {"a": 1})]), "It is 2")
    first = client.responses.create(model=MODEL, input="Add", tools=[ADD], instructions="Use {tools}")
    assert provider.requests[-1].body["system"] == "Use {tools}"
    assert first.output_text == "Let me add"
    call = first.output[1]
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, json.loads(call.arguments)) == ("add", {"a": 1})
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "2"}
    second = client.responses.create(model=MODEL, input=[output], previous_response_id=first.id, tools=[ADD])
    assert second.output_text == "It is 2"
    assert client.responses.retrieve(second.id) == second

    provider.script("Once more 2")
    sent: Any = [{"role": "user", "content": "Add"}, *(item.to_dict() for item in first.output), output]
    assert client.responses.create(model=MODEL, input=sent, tools=[ADD]).output_text == "Once more 2"


def test_the_web_is_searched(client: openai.OpenAI, provider: FakeProvider, brave: ToolServer):
    provider.script(Reply(tools=[("web_search", {"query": "silvercup"})]), "Found it")
    made = client.responses.create(model=MODEL, input="Search", tools=[SEARCH])
    assert [item.type for item in made.output] == ["web_search_call", "message"]
    assert made.output_text == "Found it"
    assert brave.requests[-1].headers["x-subscription-token"] == "planted-brave-key"
    assert "About silvercup" in json.dumps(provider.requests[-1].body)
    used = made.usage
    assert used is not None
    assert used.total_tokens == used.input_tokens + used.output_tokens > 0
    found = client.responses.retrieve(made.id)
    assert found == made
    assert "planted" not in found.to_json()


def test_a_search_that_fails_is_told_as_such(client: openai.OpenAI, provider: FakeProvider):
    for stream in (False, True):
        provider.script(Reply(tools=[("web_search", {"query": "x" * 401})]), "Not found")
        made = client.responses.create(model=MODEL, input="Search", tools=[SEARCH], stream=stream)
        if isinstance(made, openai.Stream):
            last = [*made][-1]
            assert last.type == "response.completed"
            made = last.response
        search = made.output[0]
        assert isinstance(search, ResponseFunctionWebSearch)
        assert search.status == "failed"
        assert made.output_text == "Not found"


def test_a_streamed_response_calls_functions_and_searches(client: openai.OpenAI, provider: FakeProvider):
    both = [("web_search", {"query": "x"}), ("add", {"a": 1})]
    provider.script(Reply("First", tools=both[:1]), Reply("Then", tools=both))
    with client.responses.create(model=MODEL, input="Go", tools=[SEARCH, ADD], stream=True) as stream:
        events = [*stream]
    last = events[-1]
    assert last.type == "response.completed"
    made = last.response
    assert [item.type for item in made.output] == [
        "message", "web_search_call", "message", "function_call", "web_search_call",
    ]  # fmt: skip
    assert [event.type for event in events].count("response.web_search_call.completed") == 2
    assert client.responses.retrieve(made.id) == made


def test_the_clients_own_reading_of_a_stream_ends_with_the_response(client: openai.OpenAI, provider: FakeProvider):
    provider.script(Reply("Let me add", tools=[("add", {"a": 1})]))
    with client.responses.stream(model=MODEL, input="Go", tools=[ADD]) as stream:
        stream.until_done()
        made = stream.get_final_response()
    assert made.output_text == "Let me add"
    assert [item.type for item in made.output] == ["message", "function_call"]


def test_what_a_provider_refuses_is_an_error_and_nothing_is_kept(client: openai.OpenAI, provider: FakeProvider):
    first = client.responses.create(model=MODEL, input="One")
    provider.script(Failure(400, "no such thing"))
    with pytest.raises(openai.BadRequestError) as told:
        client.responses.create(model=MODEL, input="Two", previous_response_id=first.id)
    assert told.value.code == "llm_bad_request"
    assert "no such thing" in told.value.message
    for stream in (False, True):
        provider.script(*[Failure(500, "broken")] * 20)
        with pytest.raises(openai.InternalServerError) as failed:
            client.responses.create(model=MODEL, input="Two", previous_response_id=first.id, stream=stream)
        assert failed.value.code == "llm_api_error"
        provider.clear()
    client.responses.create(model=MODEL, input="Three", previous_response_id=first.id)
    assert said(provider) == ["One", "Echo: One", "Three"]


def test_a_stream_that_breaks_says_so(client: openai.OpenAI, provider: FakeProvider):
    provider.script(Drop(after_events=6))
    with client.responses.create(model=MODEL, input="Go", stream=True) as stream:
        events = [*stream]
    failed = events[-1]
    assert failed.type == "response.failed"
    assert failed.response.error is not None
    assert failed.response.error.message
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(failed.response.id)


def test_an_unknown_model_is_refused_with_the_names_that_there_are(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError, match=r"Model no-such-model not available. Available models"):
        client.responses.create(model="no-such-model", input="Hello")


def test_two_at_once_on_the_same_one_are_both_kept_whole(client: openai.OpenAI, provider: FakeProvider):
    first = client.responses.create(model=MODEL, input="One")
    hangs = [Hang(then=Reply(f"Answer {at}")) for at in range(2)]
    provider.clear()
    provider.script(*hangs)

    def ask(at: int) -> Response:
        return client.responses.create(model=MODEL, input=f"Two {at}", previous_response_id=first.id)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, at) for at in range(2)]
        wait_until(lambda: len(provider.requests) == 2, "both are asked")
        for hang in hangs:
            hang.released.set()
        made = [one.result() for one in asked]
    for at, one in enumerate(made):
        assert client.responses.retrieve(one.id) == one
        client.responses.create(model=MODEL, input="On", previous_response_id=one.id)
        assert said(provider) == ["One", "Echo: One", f"Two {at}", one.output_text, "On"]


def test_a_client_that_goes_away_leaves_an_incomplete_response(client: openai.OpenAI, provider: FakeProvider):
    provider.script(Reply("word " * 200, pause=0.02))
    with client.responses.create(model=MODEL, input="Go", stream=True) as stream:
        events = iter(stream)
        began = next(events)
        assert began.type == "response.created"
        assert next(event for event in events if event.type == "response.output_text.delta")
    kept: list[Response] = []

    def is_kept() -> bool:
        try:
            kept.append(client.responses.retrieve(began.response.id))
        except openai.NotFoundError:
            return False
        return True

    wait_until(is_kept, "what was said is kept")
    assert kept[0].status == "incomplete"
    assert kept[0].output_text.startswith("word")


@pytest.mark.parametrize("header", ["idempotency-key", "x-stainless-retry-count"])
def test_a_request_that_is_sent_again_is_answered_once(client: openai.OpenAI, provider: FakeProvider, header: str):
    word = uuid7()
    key = {"idempotency-key": word}
    first = client.responses.create(model=MODEL, input=word, extra_headers=key if header in key else {})
    again = key if header in key else {header: "1"}
    second = client.responses.create(model=MODEL, input=word, extra_headers=again)
    assert second == first
    assert len(provider.requests) == 1
    third = client.responses.create(model=MODEL, input=word)
    assert third.id != first.id


def test_a_retry_of_the_client_itself_is_answered(searching: Stack, provider: FakeProvider):
    provider.clear()
    provider.script(*[Failure(500)] * 20)
    with openai.OpenAI(base_url=f"{searching.url}/api", api_key="any", max_retries=1) as client:
        released = threading.Timer(0.2, provider.clear)
        released.start()
        made = client.with_options(max_retries=5).responses.create(model=MODEL, input="Hello")
        released.join()
    assert made.output_text == "Echo: Hello"
