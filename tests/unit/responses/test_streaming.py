"""The events of a streamed response tell the same as the response, in an order that OpenAI's client can follow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from silvercup.errors import ModelUnavailable
from silvercup.llm.model import chunk
from tests.unit.responses.conftest import Message, World, calling

Event = dict[str, Any]
EVENT = TypeAdapter[Any](ResponseStreamEvent)
FUNCTIONS = ("add", "look")
TOOLS: list[Any] = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in FUNCTIONS]
SEARCH: list[Any] = [{"type": "web_search_preview"}]


def followed(events: list[Event]) -> list[Event]:
    """The output that the events tell, each item as its parts were told, which must be as it is told in the end."""
    items: dict[int, Event] = {}
    done: dict[int, Event] = {}
    for number, event in enumerate(events):
        EVENT.validate_python(event)
        assert event["sequence_number"] == number
        index, kind = event.get("output_index", -1), event["type"]
        match kind:
            case "response.output_item.added":
                assert index == len(items)
                items[index] = {**event["item"], "text": ""}
            case "response.output_text.delta":
                items[index]["text"] += event["delta"]
            case "response.function_call_arguments.delta":
                items[index]["arguments"] += event["delta"]
            case "response.output_item.done":
                told, item = items[index], event["item"]
                assert told["id"] == item["id"]
                if item["type"] == "message":
                    assert [part["text"] for part in item["content"]] == [told["text"]]
                if item["type"] == "function_call":
                    assert item["arguments"] == (told["arguments"] or "{}")
                done[index] = item
            case _:
                pass
        if index >= 0 and kind != "response.output_item.done":
            assert index not in done
        if "item_id" in event:
            assert event["item_id"] == items[index]["id"]
    assert done.keys() == items.keys()
    return [done[index] for index in sorted(done)]


WORDS = st.sampled_from(["", "Hello", "A longer answer"])
CALLED = st.sampled_from([*FUNCTIONS, "web_search", "unknown"])


@st.composite
def rounds(draw: st.DrawFn) -> list[Message]:
    """What a model says, round by round; an id of a call comes once."""
    made: list[Message] = []
    for at in range(draw(st.integers(1, 4))):
        names = draw(st.lists(CALLED, max_size=3))
        calls = [
            (f"c{at}_{index}", name, draw(st.sampled_from(["", "{}", '{"query": "x"}'])))
            for index, name in enumerate(names)
        ]
        words = draw(WORDS)
        made.append(calling(*calls, text=words or None) if calls else {"role": "assistant", "content": words})
    return made


@settings(max_examples=200, deadline=None)
@given(said=rounds(), searching=st.booleans(), finish=st.sampled_from([None, "length"]))
def test_events_and_response_tell_the_same(said: list[Message], searching: bool, finish: str | None):
    world = World()
    world.model.answers = [*said]
    world.model.finish = finish
    events = world.stream("Go", tools=TOOLS + SEARCH if searching else TOOLS)
    output = followed(events)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    made = events[-1]["response"]
    assert events[-1]["type"] == f"response.{made['status']}"
    assert made["output"] == output
    Response.model_validate(made, strict=True)
    assert world.get(made) == made
    assert events[0]["response"]["id"] == made["id"]


@settings(max_examples=50, deadline=None)
@given(said=rounds(), searching=st.booleans())
def test_a_stream_and_an_answer_at_once_are_the_same(said: list[Message], searching: bool):
    made: list[Event] = []
    for stream in (False, True):
        world = World()
        world.model.answers = [*said]
        tools = TOOLS + SEARCH if searching else TOOLS
        turn_id = "01890000-0000-7000-8000-000000000001"
        made.append(
            world.stream("Go", tools=tools, turn_id=turn_id)[-1]["response"]
            if stream
            else world.create("Go", tools=tools, turn_id=turn_id)
        )
    assert made[0] == made[1]


def test_the_web_is_searched_and_told(world: World):
    world.model.answers = [calling(("c1", "web_search", '{"query": "news"}')), {"role": "assistant", "content": "Done"}]
    events = world.stream("News?", tools=SEARCH)
    kinds = [event["type"] for event in events if "web_search" in event["type"]]
    assert kinds == [f"response.web_search_call.{word}" for word in ("in_progress", "searching", "completed")]
    found, said = events[-1]["response"]["output"]
    assert (found["type"], found["status"], found["action"]["query"]) == ("web_search_call", "completed", "news")
    assert said["content"][0]["text"] == "Done"
    assert world.tools.calls[0].arguments == {"query": "news"}
    assert "brave-key" not in repr(world.tables.items)


def test_an_error_before_the_first_word_is_an_error(world: World):
    world.model.answers = [ModelUnavailable("down")]
    with pytest.raises(ModelUnavailable):
        world.stream("Hello")


def test_an_error_on_the_way_is_an_event(world: World):
    world.model.answers = [calling(("c1", "web_search", "{}"), text="Let me look"), ModelUnavailable("down")]
    events = world.stream("Hello", tools=SEARCH)
    assert events[-1]["type"] == "response.failed"
    EVENT.validate_python(events[-1])
    failed = events[-1]["response"]
    assert (failed["status"], failed["error"]) == ("failed", {"code": "server_error", "message": "down"})
    assert {item["kind"] for item in world.tables.items.values()} == {"usage"}


def test_a_client_that_goes_away_leaves_what_was_said(world: World):
    from silvercup.ids import uuid7
    from silvercup.responses.bodies import request_of
    from tests.unit.responses.conftest import TENANT

    asked = request_of({"input": "Hello there"}, lambda: None)
    stream = world.service.stream(TENANT, asked, uuid7())
    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        if event["type"] == "response.output_text.delta":
            stream.close()

    stream.run(take)
    assert events[-1]["type"] == "response.output_text.delta"
    kept = world.service.get(TENANT, stream.id)
    assert kept["status"] == "incomplete"
    assert re.fullmatch("re:.*", kept["output"][0]["content"][0]["text"])


def test_a_call_whose_name_comes_late_is_told_whole(world: World):
    """A provider may send the id of a call before its name."""
    head: dict[str, Any] = {"id_": "c", "created": 0, "model": "told"}
    world.model.chunks = [
        chunk(**head, delta={"tool_calls": [{"index": 0, "id": "c1", "function": {"arguments": ""}}]}),
        chunk(**head, delta={"tool_calls": [{"index": 0, "function": {"name": "add", "arguments": '{"a":'}}]}),
        chunk(**head, delta={"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        chunk(**head, finish_reason="tool_calls"),
    ]
    (item,) = followed(world.stream("Add", tools=TOOLS))
    assert (item["name"], item["call_id"], item["arguments"]) == ("add", "c1", '{"a": 1}')
