"""Responses go on from each other: straight on, in branches, at the same time, and again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silvercup.errors import ContextOverflow, InvalidRequest, ModelUnavailable, NotFound
from silvercup.ids import uuid7
from tests.unit.responses.conftest import TENANT, World, calling


def text(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item.get("content", ()))


def test_what_is_created_is_what_is_found(world: World):
    made = world.create("Hello", instructions="Be brief", metadata={"a": "b"}, temperature=0.5, user="u")
    assert text(made) == "re: Hello"
    assert made["status"] == "completed"
    used = made["usage"]
    assert used["input_tokens"] > 0
    assert used["output_tokens"] == 5
    assert used["total_tokens"] == used["input_tokens"] + 5
    assert made["model"] == "told"
    assert world.get(made) == made
    assert (made["instructions"], made["metadata"], made["temperature"], made["user"]) == (
        "Be brief",
        {"a": "b"},
        0.5,
        "u",
    )


def test_instructions_and_input_are_no_templates(world: World):
    made = world.create("{{ 7 * 7 }} {x}", instructions="{% if %} {{ agent.name }}")
    assert world.model.sent == [("system", "{% if %} {{ agent.name }}"), ("user", "{{ 7 * 7 }} {x}")]
    assert world.sessions.get(TENANT, made["conversation"]["id"])["situation"] == "{% if %} {{ agent.name }}"


def test_instructions_are_those_of_each_request(world: World):
    first = world.create("One", instructions="First")
    world.create("Two", previous_response_id=first["id"])
    assert world.model.sent[0] == ("system", "You are a helpful assistant.")
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Two"]


def test_a_conversation_that_goes_straight_on_stays_in_its_session(world: World):
    first = world.create("One")
    second = world.create("Two", previous_response_id=first["id"])
    assert second["conversation"] == first["conversation"]
    assert second["previous_response_id"] == first["id"]
    assert world.history(second) == ["One", "re: One", "Two", "re: Two"]


def test_two_may_follow_the_same_one(world: World):
    first = world.create("One")
    second = world.create("Two", previous_response_id=first["id"])
    other = world.create("Other", previous_response_id=first["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Other"]
    third = world.create("Three", previous_response_id=second["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Two", "re: Two", "Three"]
    fourth = world.create("Four", previous_response_id=other["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Other", "re: Other", "Four"]
    for one in (first, second, other, third, fourth):
        assert world.get(one) == one
    assert fourth["conversation"] == other["conversation"] != first["conversation"]


def test_one_that_is_overtaken_while_the_model_answers_begins_a_branch(world: World):
    first = world.create("One")

    def overtake() -> None:
        world.model.before = lambda: None
        world.create("Faster", previous_response_id=first["id"])

    world.model.before = overtake
    slow = world.create("Slower", previous_response_id=first["id"])
    assert world.get(slow) == slow
    world.create("Then", previous_response_id=slow["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Slower", "re: Slower", "Then"]


def test_one_that_is_overtaken_before_it_reads_begins_a_branch_too(world: World):
    """The writer of the turn was killed before the session knew of it."""
    first = world.create("One")
    key = next(key for key in world.tables.items if key.pk.endswith(f"#session#{first['conversation']['id']}"))
    before = dict(world.tables.items[key])
    world.create("Killed", previous_response_id=first["id"])
    world.tables.items[key] = before
    branch = world.create("Two", previous_response_id=first["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Two"]
    assert branch["conversation"] != first["conversation"]


@pytest.mark.parametrize("length", [3, 300])
def test_a_response_takes_a_few_requests_at_any_length(world: World, length: int):
    last = world.create("0")
    for number in range(1, length):
        last = world.create(str(number), previous_response_id=last["id"])
    world.tables.requests.clear()
    world.create("next", previous_response_id=last["id"])
    assert len(world.tables.requests) <= 5, world.tables.requests
    assert len(world.model.requests[-1].messages) == 2 * length + 2
    world.tables.requests.clear()
    branch = world.create("branch", previous_response_id=last["id"])
    assert len(world.tables.requests) <= 12, world.tables.requests
    assert len(world.model.requests[-1].messages) == 2 * length + 2
    assert world.history(branch)[-1] == "re: branch"
    assert len(world.history(branch)) == 2 * length + 2


def test_the_first_response_takes_six_requests_once_there_is_an_agent(world: World):
    world.create("One")
    world.tables.requests.clear()
    world.create("Another")
    assert len(world.tables.requests) <= 5, world.tables.requests


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=90), st.booleans())
def test_any_tree_of_responses_keeps_its_paths(choices: list[int], straight: bool):
    """Mostly straight on, so that packs come to be and are cut; the path of each response is what its model is sent."""
    world = World()
    made: list[dict[str, Any]] = []
    paths: list[list[str]] = []
    for step in range(90 if straight else len(choices)):
        choice = choices[step % len(choices)]
        parent = choice % (len(made) + 1) - 1 if choice % 5 == 0 else len(made) - 1
        path = [] if parent < 0 else paths[parent]
        previous = {} if parent < 0 else {"previous_response_id": made[parent]["id"]}
        made.append(world.create(f"q{step}", **previous))
        assert [said for _, said in world.model.sent[1:]] == [*path, f"q{step}"]
        paths.append([*path, f"q{step}", f"re: q{step}"])
    for one in made:
        assert world.get(one) == one


def test_an_output_needs_its_call(world: World):
    world.model.answers = [calling(("c1", "add", '{"a": 1}'), text="Wait")]
    tools = [{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": False}]
    first = world.create("Add", tools=tools)
    assert [item["type"] for item in first["output"]] == ["message", "function_call"]
    assert first["output"][1]["call_id"] == "c1"
    output = {"type": "function_call_output", "call_id": "c1", "output": "2"}
    with pytest.raises(InvalidRequest, match=r"input\[0\].call_id: 'c2' .* wait: c1"):
        world.create([{**output, "call_id": "c2"}], previous_response_id=first["id"])
    with pytest.raises(InvalidRequest, match=r"input\[1\].call_id: 'c1' .* wait: none"):
        world.create([{"role": "user", "content": "x"}, output])
    world.model.answers = [{"role": "assistant", "content": "It is 2"}]
    assert text(world.create([output], previous_response_id=first["id"])) == "It is 2"
    assert world.model.requests[-1].messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": "2"}
    call = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
    world.model.answers = [{"role": "assistant", "content": "Still 2"}]
    assert text(world.create([{"role": "user", "content": "Add"}, call, output])) == "Still 2"


def test_what_is_not_stored_leaves_nothing_but_what_was_used(world: World):
    made = world.create("Secret", store=False)
    assert text(made) == "re: Secret"
    assert made["conversation"] is None
    assert {item["kind"] for item in world.tables.items.values()} == {"usage"}
    with pytest.raises(NotFound, match="store: true"):
        world.get(made)
    with pytest.raises(NotFound):
        world.create("On", previous_response_id=made["id"])
    first = world.create("One")
    items = len(world.tables.items)
    world.create("Two", previous_response_id=first["id"], store=False)
    assert len(world.tables.items) == items + 1


def test_a_response_that_fails_leaves_nothing(world: World):
    first = world.create("One")
    items = {key for key, item in world.tables.items.items() if item["kind"] != "usage"}
    for fields in ({}, {"previous_response_id": first["id"]}):
        world.model.answers = [ModelUnavailable("down")]
        with pytest.raises(ModelUnavailable):
            world.create("Two", **fields)
    assert {key for key, item in world.tables.items.items() if item["kind"] != "usage"} == items
    world.create("Three", previous_response_id=first["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Three"]


@pytest.mark.parametrize("behind", [0, 1, 2])
def test_the_same_request_sent_again_finds_its_response(world: World, behind: int):
    first = world.create("One")
    fields = {"previous_response_id": first["id"]} if behind else {}
    if behind == 2:
        world.create("Between", **fields)
    turn_id = uuid7()
    made = world.create("Two", turn_id=turn_id, **fields)
    asked = len(world.model.requests)
    assert world.create("Two", turn_id=turn_id, again=True, **fields) == made
    events = world.stream("Two", turn_id=turn_id, again=True, **fields)
    assert events[-1]["response"] == made
    assert len(world.model.requests) == asked


def test_another_tenant_has_none_of_it(world: World):
    made = world.create("One")
    other = uuid7()
    with pytest.raises(NotFound):
        world.service.get(other, made["id"])
    with pytest.raises(NotFound):
        world.create("Two", tenant=other, previous_response_id=made["id"])


def test_a_deleted_session_takes_its_responses_along(world: World):
    first = world.create("One")
    branch = [world.create(word, previous_response_id=first["id"]) for word in ("Two", "Other")][1]
    world.sessions.delete(TENANT, first["conversation"]["id"])
    with pytest.raises(NotFound):
        world.get(first)
    assert world.get(branch) == branch
    world.create("On", previous_response_id=branch["id"])
    assert [said for _, said in world.model.sent[1:]] == ["One", "re: One", "Other", "re: Other", "On"]


def test_a_cleared_history_takes_its_responses_along(world: World):
    first = world.create("One")
    world.histories.clear(TENANT, first["conversation"]["id"])
    with pytest.raises(NotFound):
        world.create("Two", previous_response_id=first["id"])


def test_a_turn_of_a_chat_is_no_response(world: World):
    first = world.create("One")
    turn_id = uuid7()
    session = first["conversation"]["id"]
    world.histories.append(TENANT, session, [{"role": "user", "content": "Said"}], turn_id=turn_id)
    crafted = f"resp_{session.replace('-', '')}00000001{turn_id[-12:]}"
    with pytest.raises(NotFound):
        world.service.get(TENANT, crafted)
    branch = world.create("Two", previous_response_id=first["id"])
    assert branch["conversation"] != first["conversation"]


def test_the_agent_of_responses_is_made_again_after_it_was_deleted(world: World):
    agent = world.sessions.get(TENANT, world.create("One")["conversation"]["id"])["agent"]
    world.agents.delete(TENANT, agent)
    for word in ("Two", "Three"):
        again = world.sessions.get(TENANT, world.create(word)["conversation"]["id"])["agent"]
        assert world.agents.get(TENANT, again)["name"] == "Responses"


def test_a_long_conversation_is_an_error_unless_it_may_be_cut(world: World):
    long = "word " * 20_000
    first = world.create("Short")
    second = world.create(long, previous_response_id=first["id"])
    fields = {"previous_response_id": second["id"]}
    with pytest.raises(ContextOverflow):
        world.create(long, **fields)
    third = world.create("word " * 10_000, truncation="auto", **fields)
    assert third["truncation"] == "auto"
    assert len(world.model.requests[-1].messages) == 2
    assert world.get(third) == third


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_short_is_incomplete(world: World, finish: str, reason: str):
    world.model.finish = finish
    made = world.create("Hello", max_output_tokens=16)
    assert made["status"] == made["output"][0]["status"] == "incomplete"
    assert made["incomplete_details"] == {"reason": reason}
    assert world.model.requests[-1].settings["max_tokens"] == 16
    assert world.get(made) == made


def test_images_and_large_inputs_stay_whole_in_a_branch(world: World):
    url = "data:image/png;base64," + "A" * 100_000
    parts = [{"type": "input_text", "text": "See"}, {"type": "input_image", "image_url": url, "detail": "low"}]
    first = world.create([{"role": "user", "content": parts}])
    for word in ("Two", "Other"):
        world.create(word, previous_response_id=first["id"])
    sent = world.model.requests[-1].messages[1]["content"]
    assert sent[1] == {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
