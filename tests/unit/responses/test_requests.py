"""Requests are read as OpenAI's client writes them; what is not well formed or not served is refused, saying where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.chat.turns import Turn
from silvercup.errors import InvalidRequest, TooLarge
from silvercup.ids import uuid7
from silvercup.responses.bodies import request_of
from silvercup.responses.ids import ResponseId
from silvercup.responses.keeping import copies_of
from silvercup.responses.reading import MOST_COPIES
from silvercup.responses.request import ResponseRequest

ADD: dict[str, Any] = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": True}
SEARCH = {"type": "web_search_preview", "search_context_size": "low"}


def asked(search_key: str | None = "key", **body: Any) -> ResponseRequest:
    return request_of({"input": "Hello", **body}, lambda: search_key)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input: is missing"),
    ({"input": " \n"}, "input: is empty"),
    ({"input": []}, "input: has no item"),
    ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input: has no item"),
    ({"input": ["Hello"]}, r"input\[0\]: must be an item"),
    ({"input": [{"role": "user", "content": "x"}] * 2001}, "input: has 2,001 items"),
    ({"input": [{"role": "tool", "content": "x"}]}, r"input\[0\].role: is 'tool'"),
    ({"input": [{"role": "user", "content": ""}]}, r"input\[0\].content: is empty"),
    ({"input": [{"role": "user", "content": []}]}, r"input\[0\].content: is empty"),
    ({"input": [{"role": "user", "content": 1}]}, r"input\[0\].content: must be a text"),
    ({"input": [{"role": "user", "content": ["x"]}]}, r"input\[0\].content\[0\]: must be a part"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, r"content\[0\].text: must be a text"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, r"content\[0\].type: is 'input_file'"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, r"image_url: .* file_id"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, r"input\[0\]: item_reference is not served"),
    ({"input": [{"type": "computer_call"}]}, r"input\[0\].type: is 'computer_call'"),
    ({"input": [{"type": "function_call", "name": "add"}]}, r"input\[0\]: a function_call has call_id"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, r"input\[0\].call_id: is missing"),
    ({"input": [{"type": "function_call_output", "call_id": "x"}]}, r"input\[0\].output: is missing"),
    ({"tools": [{"type": "computer-preview"}]}, r"tools\[0\].type: is 'computer-preview'"),
    ({"tools": [{"type": "file_search"}]}, r"tools\[0\].type: is 'file_search'"),
    ({"tools": [1]}, r"tools\[0\].type"),
    ({"tools": [{"type": "function", "function": {"name": "add"}}]}, r"tools\[0\].name: .* beside type"),
    ({"tools": [{**ADD, "name": "a b"}]}, r"tools\[0\].name"),
    ({"tools": [{**ADD, "parameters": []}]}, r"tools\[0\].parameters: must be a JSON Schema"),
    ({"tools": [{**ADD, "parameters": {"type": "string"}}]}, r"tools\[0\].parameters.type: must be 'object'"),
    ({"tools": [{**ADD, "parameters": {"properties": {"a": 1}}}]}, r"tools\[0\].parameters.properties.a: is no valid"),
    ({"tools": [{**ADD, "description": 1}]}, r"tools\[0\].description"),
    ({"tools": [ADD, ADD]}, r"tools\[1\].name: another tool"),
    ({"tools": [SEARCH, {**ADD, "name": "web_search"}]}, r"tools\[1\].name: another tool"),
    ({"tools": [{**ADD, "name": f"f{at}"} for at in range(129)]}, "tools: there are 129"),
    ({"tool_choice": "any"}, "tool_choice: must be"),
    ({"tool_choice": "required"}, "tool_choice: is 'required', but there are no tools"),
    ({"tool_choice": {"type": "function", "name": "add"}}, "tool_choice: names 'add'; the tools are none"),
    ({"tool_choice": {"type": "web_search_preview"}}, "not among the tools"),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format: a json_schema has name and schema"),
    ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort: is 'huge'"),
    ({"reasoning": {"generate_summary": "concise"}}, "reasoning.generate_summary: is not served"),
    ({"reasoning": {"summary": "auto"}}, "reasoning.summary: is not served"),
    ({"background": True}, "background: is not served"),
    ({"include": ["file_search_call.results"]}, "include: is not served"),
    ({"conversation": "conv_1"}, "conversation: is not served: use previous_response_id"),
    ({"prompt": {"id": "p"}}, "prompt: is not served"),
    ({"n": 2}, "n: is not served"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_wrong_is_refused_with_its_place(body: dict[str, Any], message: str):
    with pytest.raises(InvalidRequest, match=message) as told:
        request_of({"input": "Hello", **body}, lambda: "key")
    assert told.value.details[0].loc in told.value.message


def test_a_search_needs_a_key():
    with pytest.raises(InvalidRequest, match=r"tools\[0\]: .* no key is set up"):
        asked(search_key=None, tools=[SEARCH])
    found = asked(tools=[SEARCH])
    assert found.searches == {"web_search"}
    assert found.shown["tools"] == [SEARCH]


def test_fields_that_change_nothing_are_taken():
    harmless = {"background": False, "include": [], "n": 1, "top_logprobs": 0, "tools": [], "metadata": None}
    assert request_of({"input": "Hello", **harmless}, lambda: None).shown == asked().shown


def test_settings_are_those_of_a_chat():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    found = asked(
        model="gpt-4o",
        temperature=0,
        top_p=0.5,
        max_output_tokens=9,
        reasoning={"effort": "low"},
        parallel_tool_calls=False,
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}},
    )
    assert found.settings == {
        "model": "gpt-4o",
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 9,
        "reasoning_effort": "low",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}},
    }
    assert asked(text={"format": {"type": "json_object"}}).settings == {"response_format": {"type": "json_object"}}
    assert asked(text={"format": {"type": "text"}}).settings == {}


@pytest.mark.parametrize(
    ("choice", "sent", "shown"),
    [
        (None, None, "auto"),
        ("none", "none", "none"),
        ("required", "required", "required"),
        (
            {"type": "function", "name": "add"},
            {"type": "function", "function": {"name": "add"}},
            {"type": "function", "name": "add"},
        ),
        (
            {"type": "function", "function": {"name": "add"}},
            {"type": "function", "function": {"name": "add"}},
            {"type": "function", "name": "add"},
        ),
        (
            {"type": "web_search_preview"},
            {"type": "function", "function": {"name": "web_search"}},
            {"type": "web_search_preview"},
        ),
    ],
)
def test_choices_of_tools(choice: Any, sent: Any, shown: Any):
    found = asked(tools=[ADD, SEARCH], tool_choice=choice)
    assert (found.tool_choice, found.shown["tool_choice"]) == (sent, shown)


def test_the_output_of_a_response_can_be_sent_back():
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Let me add", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": "{}", "status": "completed"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "add", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
        {"role": "developer", "content": "Be kind"},
    ]  # fmt: skip
    found = asked(input=output)
    assert [message["role"] for message in found.messages] == ["assistant", "tool", "tool", "user", "assistant", "developer"]  # fmt: skip
    said = found.messages[0]
    assert said["content"] == "Let me add"
    assert [call["id"] for call in said["tool_calls"]] == ["c1", "c2"]
    assert found.messages[2]["content"] == "2"
    assert found.messages[4]["content"] == "No"
    assert found.places == ["input[1]", "input[5]", "input[6]", "input[7]", "input[8]", "input[9]"]


def test_what_is_kept_of_a_request_has_a_limit():
    found = asked(instructions="é" * 100_001)
    with pytest.raises(TooLarge, match="store: false"):
        found.stored()
    asked(instructions="é" * 100_001, store=False).stored()


UUIDS = st.integers(0, 2**62 - 1).map(lambda number: uuid7(1_700_000_000_000_000, number.to_bytes(8)))


@given(UUIDS, st.integers(0, 2**32 - 1), UUIDS)
def test_an_id_is_read_as_it_was_written(session: str, number: int, turn: str):
    written = ResponseId.of(session, number, turn)
    read = ResponseId.read(str(written))
    assert read is not None
    assert read == written
    assert read.is_of(turn)
    assert read.branch == written.branch != session


@pytest.mark.parametrize(
    "text",
    ["", "resp_", "resp_" + "g" * 52, "resp_" + "a" * 51, "resp_" + "a" * 53, "01912345-6789-7abc-8def-0123456789ab"],
)
def test_other_texts_are_no_ids(text: str):
    assert ResponseId.read(text) is None


@given(st.lists(st.integers(0, 1000), max_size=40), st.booleans())
def test_copies_are_few_and_say_all_of_it(sizes: list[int], summed: bool):
    turns = [
        Turn(number, uuid7(), 0, ({"role": "user", "content": str(number), "source": "api_request", "tokens": size},), size)
        for number, size in enumerate(sizes)
    ]  # fmt: skip
    copies = copies_of(turns, "what was before" if summed else None, uuid7())
    assert len(copies) <= MOST_COPIES
    assert [copy.number for copy in copies] == list(range(len(copies)))
    said = [entry["content"] for copy in copies for entry in copy.entries if entry["source"] != "summarizer"]
    assert said == [str(number) for number in range(len(sizes))]
    assert len({copy.id for copy in copies}) == len(copies)
    if copies and not summed:
        assert max(copy.tokens for copy in copies) <= sum(sizes) / MOST_COPIES + max(sizes)
