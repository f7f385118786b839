"""The Responses API through OpenAI's official client, unmodified, which refuses every answer that its types don't describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.conformance.stack import Running


@pytest.fixture(scope="module")
def client(stack: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack.url, api_key=stack.key, _strict_response_validation=True) as made:
        yield made


@pytest.fixture
def stranger(stack: Running) -> Iterator[openai.OpenAI]:
    """Another developer."""
    if stack.other_key is None:
        pytest.skip("SILVERCUP_E2E_OTHER_KEY is not set")
    with openai.OpenAI(base_url=stack.url, api_key=stack.other_key) as made:
        yield made


def test_a_response_is_created_and_retrieved(client: openai.OpenAI):
    made = client.responses.create(
        model="gpt-4o",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "Hello {{ name }}"}]}],
        instructions="Answer {briefly}",
        metadata={"for": "a test"},
        temperature=0.2,
        top_p=0.9,
        max_output_tokens=200,
        user="someone",
        parallel_tool_calls=False,
        tools=[{"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": False}],
        tool_choice="auto",
        truncation="auto",
        reasoning={"effort": "low"},
    )
    assert made.object == "response"
    assert made.status == "completed"
    assert "Hello {{ name }}" in made.output_text
    assert made.instructions == "Answer {briefly}"
    assert made.metadata == {"for": "a test"}
    assert (made.temperature, made.top_p, made.max_output_tokens) == (0.2, 0.9, 200)
    assert (made.truncation, made.parallel_tool_calls, made.user) == ("auto", False, "someone")
    used = made.usage
    assert used is not None
    assert used.input_tokens > 0
    assert used.total_tokens == used.input_tokens + used.output_tokens
    assert client.responses.retrieve(made.id) == made


def test_responses_go_on_and_branch(client: openai.OpenAI, raw: httpx.Client):
    first = client.responses.create(model="gpt-4o", input="One")
    second = client.responses.create(model="gpt-4o", input="Two", previous_response_id=first.id)
    branch = client.responses.create(model="gpt-4o", input="Other", previous_response_id=first.id)
    last = client.responses.create(model="gpt-4o", input="Last", previous_response_id=branch.id)
    assert last.previous_response_id == branch.id
    for one, words in ((second, ["One", "Two"]), (last, ["One", "Other", "Last"])):
        assert client.responses.retrieve(one.id) == one
        assert one.conversation is not None
        entries = raw.get(f"/sessions/{one.conversation.id}/history").json()["entries"]
        assert [entry["content"][0]["text"] for entry in entries if entry["role"] == "user"] == words


def test_a_response_is_streamed(client: openai.OpenAI):
    with client.responses.stream(model="gpt-4o", input="Say something") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        made = stream.get_final_response()
    assert len(texts) > 1
    assert "".join(texts) == made.output_text
    assert client.responses.retrieve(made.id).output_text == made.output_text


class Person(BaseModel):
    """Someone."""

    name: str
    age: int


def test_answers_are_of_the_form_that_is_asked_for(client: openai.OpenAI):
    parsed = client.responses.parse(model="gpt-4o", input="Ada is 36", text_format=Person)
    assert isinstance(parsed.output_parsed, Person)
    made = client.responses.create(model="gpt-4o", input="Ada is 36, as JSON", text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(made.output_text), dict)


def test_an_answer_that_is_cut_short_is_incomplete(client: openai.OpenAI):
    made = client.responses.create(model="gpt-4o", input="Say a great many words, please", max_output_tokens=4)
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"


def test_what_is_not_stored_is_not_found(client: openai.OpenAI):
    made = client.responses.create(model="gpt-4o", input="Hello", store=False)
    assert made.output_text
    with pytest.raises(openai.NotFoundError) as told:
        client.responses.retrieve(made.id)
    assert told.value.code == "not_found"
    assert "not found" in told.value.message
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="gpt-4o", input="On", previous_response_id=made.id)


def test_another_developer_has_none_of_it(client: openai.OpenAI, stranger: openai.OpenAI):
    made = client.responses.create(model="gpt-4o", input="Hello")
    with pytest.raises(openai.NotFoundError):
        stranger.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        stranger.responses.create(model="gpt-4o", input="On", previous_response_id=made.id)


BAD: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"input": ""}, openai.BadRequestError, "input: is empty"),
    ({"previous_response_id": "resp_123"}, openai.NotFoundError, "Response 'resp_123' not found"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, openai.BadRequestError, "item_reference is not served"),
    (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]},
        openai.BadRequestError,
        "'c' is the call_id of no function_call",
    ),
    ({"background": True}, openai.BadRequestError, "background: is not served"),
    ({"include": ["message.output_text.logprobs"]}, openai.BadRequestError, "include: is not served"),
    ({"tools": [{"type": "computer-preview"}]}, openai.BadRequestError, r"tools\[0\].type"),
    ({"temperature": "hot"}, openai.UnprocessableEntityError, "temperature"),
    ({"stream": "yes"}, openai.UnprocessableEntityError, "stream"),
]


@pytest.mark.parametrize(("body", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_what_is_wrong_is_an_error_that_says_so(
    client: openai.OpenAI, body: dict[str, Any], error: type[openai.APIStatusError], message: str
):
    with pytest.raises(error, match=message) as told:
        client.post("/responses", body={"model": "gpt-4o", "input": "Hello", **body}, cast_to=httpx.Response)
    assert told.value.code


def test_a_key_is_needed(stack: Running):
    response = httpx.post(f"{stack.url}/responses", json={"input": "Hello"})
    assert response.status_code == 401
