"""A conversation that is longer than the model reads: refused, or without its oldest turns, or with a summary in their place."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from silvercup.chat.history import HistoryQuery
from silvercup.errors import ContextOverflow, ModelUnavailable
from silvercup.ids import uuid7
from silvercup.llm.model import ModelRequest
from silvercup.llm.tokens import estimate
from tests.support.chats import API_CALL, FUNCTION, ChatWorld, Says
from tests.support.docs import TENANT

SUMMARY = "Summary of the conversation so far:\n\n"
ASKED = "Write the summary."


def summarizes(request: ModelRequest) -> bool:
    return str(request.messages[-1]["content"]).endswith(ASKED)


def filled(world: ChatWorld, turns: int, size: int = 400, **session: Any) -> str:
    """A session with so many turns of about ``size`` characters each."""
    session_id = world.session(**session)
    for number in range(turns):
        messages = [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": f"answer {number} " + "x" * size},
        ]
        world.history.append(TENANT, session_id, messages, turn_id=uuid7())
    return session_id


def numbers(world: ChatWorld) -> list[int]:
    """The questions that the model was sent last."""
    texts = (str(one["content"]) for one in world.sent if one["role"] == "user")
    return [int(found[1]) for text in texts if (found := re.fullmatch(r"question (\d+)", text))]


def test_without_a_mode_it_is_refused_with_the_tokens_and_the_limit():
    world = ChatWorld(context=2_000)
    session = filled(world, 20)
    with pytest.raises(ContextOverflow) as told:
        world.say(session, "more")
    message = told.value.message
    assert re.search(r"about [\d,]+ tokens", message)
    assert "offline takes 2,000, of which 1,000 are left for the answer" in message
    assert "truncate" in message
    assert world.model.requests == []
    assert world.window(session).turns == 20


def test_the_budget_of_the_session_is_a_limit_too():
    world = ChatWorld()
    session = filled(world, 20, token_budget=500)
    with pytest.raises(ContextOverflow, match="token_budget is 500"):
        world.say(session, "more")
    world.sessions.update(TENANT, session, {"token_budget": 20_000})
    assert world.say(session, "more") == "Echo: more"
    assert numbers(world) == list(range(20))


@pytest.mark.parametrize("mode", [None, "truncate", "adaptive"])
def test_what_is_too_long_by_itself_is_refused(mode: str | None):
    world = ChatWorld(context=2_000)
    session = filled(world, 3, context_overflow=mode)
    with pytest.raises(ContextOverflow, match=r"[Ss]end less at once"):
        world.say(session, "x" * 5_000)
    assert world.window(session).turns == 3
    assert world.say(session, "less") == "Echo: less"


def test_truncate_leaves_out_the_oldest_turns():
    world = ChatWorld(context=2_000)
    session = filled(world, 20, context_overflow="truncate")
    world.say(session, "more")
    sent = numbers(world)
    assert 3 < len(sent) < 20
    assert sent == list(range(20 - len(sent), 20))
    assert world.sent[0]["role"] == "system"
    assert world.sent[-1]["content"] == "more"
    assert estimate(world.sent) <= 1_000
    assert len(world.said(session)) == 42, "what is not sent is kept"


def test_the_answer_s_tokens_are_left_for_it():
    world = ChatWorld(context=2_000)
    session = filled(world, 20, context_overflow="truncate")
    lengths: list[int] = []
    for most in (100, 1_000):
        world.say(session, "more", settings={"max_tokens": most}, save=False)
        lengths.append(len(numbers(world)))
        assert estimate(world.sent) <= 2_000 - most
    assert lengths[0] > lengths[1]


_TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("plain"), st.integers(1, 600)),
        st.tuples(st.just("runs"), st.integers(1, 600)),
        st.tuples(st.just("calls"), st.integers(1, 600)),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(turns=_TURNS, budget=st.integers(250, 1_500), mode=st.sampled_from(["truncate", "adaptive"]))
def test_whatever_was_said_what_is_sent_is_whole_and_fits(turns: list[tuple[str, int]], budget: int, mode: str):
    world = ChatWorld()
    agent = world.agent(default_system_template="Be brief.")
    world.tool(agent, API_CALL)
    world.tool(agent, FUNCTION)
    world.tools.runs["lookup"] = lambda call: "f" * int(call.arguments["size"])
    session = world.session(agent=agent, auto_run_tools=True, token_budget=budget, context_overflow=mode)
    order: list[str] = []
    for number, (kind, size) in enumerate([*turns, ("plain", 1)]):
        question = f"question {number} {'q' * size}"
        world.model.always = lambda request: "what was said" if summarizes(request) else "answered"
        steps: list[Says] = []
        if kind == "runs":
            steps = [Says(calls=[("lookup", {"size": size}), ("lookup", {"size": 1})])]
        if kind == "calls":
            steps = [Says(calls=[("weather", {"size": "w" * size})])]

        def first(request: ModelRequest, steps: list[Says] = steps) -> Any:
            if summarizes(request):
                world.model.script(first)
                return "what was said"
            return steps[0] if steps else "answered"

        world.model.script(first)
        try:
            answer = world.chat(session, question)
            order.append(question)
            check(world, budget, question)
            if kind == "calls":
                (call,) = answer["choices"][0]["message"]["tool_calls"]
                result = {"role": "tool", "tool_call_id": call["id"], "content": f"result {size}"}
                assert world.say(session, result) == "answered"
                check(world, budget, result["content"])
        except ContextOverflow:
            world.model._steps.clear()  # pyright: ignore[reportPrivateUsage]
    said = [text for role, text in world.said(session) if role == "user"]
    assert said == order, "nothing is lost of what was answered"


def check(world: ChatWorld, budget: int, last: str) -> None:
    """What was sent last (to answer) fits, starts with the system message, ends with what is new, and pairs calls with results."""
    request = next(one for one in reversed(world.model.requests) if not summarizes(one))
    first = next(one for one in world.model.requests[::-1] if one.messages[-1].get("content") == last)
    assert estimate(first.messages) + estimate(first.tools) <= 1.02 * budget + 5, (
        "what is learnt from the provider's counts is no exact science"
    )
    assert request.messages[0] == {"role": "system", "content": "Be brief."}
    body = [one for one in request.messages if one["role"] != "system"]
    assert body[0]["role"] in {"user", "assistant"}
    waiting: list[str] = []
    for one in body:
        if one["role"] == "tool":
            assert one["tool_call_id"] in waiting
            assert one["content"] != "(no result was given)"
            waiting.remove(one["tool_call_id"])
            continue
        assert waiting == []
        waiting = [call["id"] for call in one.get("tool_calls") or ()]
    assert waiting == []


def test_adaptive_puts_a_summary_in_the_place_of_the_oldest():
    world = ChatWorld(context=2_000)
    session = filled(world, 12, context_overflow="adaptive")
    world.model.script("They spoke of 12 things.", "Yes.")
    assert world.say(session, "more") == "Yes."
    asked, answered = world.model.requests
    assert "question 0" in asked.messages[-1]["content"]
    assert answered.messages[1] == {"role": "system", "content": SUMMARY + "They spoke of 12 things."}
    sent = numbers(world)
    assert sent
    assert sent == list(range(12 - len(sent), 12))
    shown = world.sessions.get(TENANT, session)
    assert shown["summary"] == "They spoke of 12 things."

    history = world.history.list(TENANT, session, HistoryQuery(sources=frozenset({"api_request", "summarizer"})))
    (summary,) = [one for one in history["entries"] if one["source"] == "summarizer"]
    assert summary["content"] == [{"type": "text", "text": "They spoke of 12 things."}]
    heads = {one["head"] for one in history["relations"]}
    folded = list(history["entries"][: 12 - len(sent)])
    assert heads == {one["id"] for one in folded}
    assert {(one["relation"], one["tail"]) for one in history["relations"]} == {("summarized_by", summary["id"])}
    assert history["entries"].index(summary) == len(folded), "it stands behind what it covers"

    world.say(session, "and more")
    assert len(world.model.requests) == 3, "it is not made again with the next turn"
    assert world.sent[1]["content"] == SUMMARY + "They spoke of 12 things."


def test_adaptive_goes_on_for_ever():
    world = ChatWorld(context=2_000)
    session = world.session(context_overflow="adaptive")
    made = 0

    def answer(request: ModelRequest) -> str:
        nonlocal made
        if not summarizes(request):
            return "y" * 200
        made += 1
        if made > 1:
            assert f"Summary of what came before:\nsummary {made - 1}\n" in request.messages[-1]["content"]
        return f"summary {made}"

    world.model.always = answer
    for number in range(100):
        world.say(session, f"question {number}")
        assert estimate(world.sent) <= 1_000
    assert 3 < made < 25
    assert world.sessions.get(TENANT, session)["summary"] == f"summary {made}"
    history = world.history.list(TENANT, session, HistoryQuery(sources=frozenset({"summarizer"})))
    texts = [one["content"][0]["text"] for one in history["entries"]]
    assert texts == [f"summary {number + 1}" for number in range(made)]
    heads = [one["head"] for one in history["relations"]]
    assert heads == [one["id"] for one in history["entries"][:-1]], "each stands in the place of the one before"
    assert sum(item.get("kind") == "turn" for item in world.tables.items.values()) == 100


def test_what_a_summary_used_is_counted_also_by_render():
    world = ChatWorld(context=2_000)
    session = filled(world, 12, context_overflow="adaptive")
    world.model.script("They spoke.")
    rendered = world.chats.render(TENANT, session, world.request("more"))
    assert rendered["messages"][1]["content"] == SUMMARY + "They spoke."
    assert world.used(session) == 1
    world.say(session, "more")
    assert world.sent == rendered["messages"]


def test_a_summary_that_can_not_be_made_is_told_and_nothing_is_lost():
    world = ChatWorld(context=2_000)
    session = filled(world, 12, context_overflow="adaptive")
    for step in (ModelUnavailable("it is down"), "", "  \n"):
        world.model.script(step)
        with pytest.raises(ModelUnavailable):
            world.say(session, "more")
        assert world.sessions.get(TENANT, session)["summary"] is None
    world.model.script("They spoke.", "Yes.")
    assert world.say(session, "more") == "Yes."


@pytest.mark.parametrize("budget", [300, 800, 1_600])
def test_a_summary_fits_a_small_budget(budget: int):
    world = ChatWorld()
    agent = world.agent(default_system_template="Be brief.")
    session = world.session(agent=agent, context_overflow="adaptive", token_budget=budget)
    world.model.always = lambda request: "s" * 4 * request.settings["max_tokens"] if summarizes(request) else "yes"
    for number in range(40):
        world.say(session, f"question {number} " + "x" * 100)
        assert estimate(world.sent) <= budget
    assert all(estimate(one.messages) <= 32_000 for one in world.model.requests)


def refuses(most: int, counted: float = 1.0) -> Any:
    """A provider that refuses prompts of more than so many of its own tokens, of which it counts more than we do."""

    def answer(request: ModelRequest) -> Says | ContextOverflow:
        tokens = int(estimate(request.messages) * counted)
        if tokens > most:
            return ContextOverflow(f"prompt is too long: {tokens} tokens > {most} maximum")
        return Says("They spoke." if summarizes(request) else "Yes.", prompt_tokens=tokens)

    return answer


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", ["truncate", "adaptive"])
def test_a_provider_that_refuses_what_was_thought_to_fit_is_sent_less(mode: str, stream: bool):
    world = ChatWorld(context=2_000)
    session = filled(world, 20, context_overflow=mode)
    world.model.always = refuses(1_000, counted=1.9)
    if stream:
        parts = world.stream(session, "more")
        assert "".join(part["choices"][0]["delta"]["content"] for part in parts).strip() == "Yes."
    else:
        assert world.say(session, "more") == "Yes."
    assert numbers(world)
    assert world.window(session).turns == 21
    tries = len(world.model.requests)
    world.say(session, "and more")
    assert len(world.model.requests) == tries + 1, "what was learnt is kept"


def test_a_provider_that_refuses_is_told_on_where_nothing_may_be_left_out():
    world = ChatWorld(context=2_000)
    session = filled(world, 3)
    world.model.always = refuses(100)
    with pytest.raises(ContextOverflow, match=r"tokens > 100 maximum"):
        world.say(session, "more")
    assert len(world.model.requests) == 1
    assert world.window(session).turns == 3


def test_near_the_limit_the_provider_s_own_count_decides():
    world = ChatWorld(context=2_000)
    session = filled(world, 20, context_overflow="truncate")
    world.model.counts = lambda request: 2 * estimate(request.messages)
    world.say(session, "more")
    assert 2 * estimate(world.sent) <= 1_000 + 40
    assert numbers(world)


def test_a_result_keeps_its_call_however_little_room_there_is():
    world = ChatWorld(context=2_000)
    agent = world.agent()
    world.tool(agent, FUNCTION)
    session = filled(world, 20, agent=agent, context_overflow="truncate")
    world.model.script(Says(calls=[("weather", {})]))
    call = world.chat(session, "Weather?")["choices"][0]["message"]["tool_calls"][0]
    world.say(session, {"role": "tool", "tool_call_id": call["id"], "content": "r" * 3_000})
    assert [one["role"] for one in world.sent[-3:]] == ["user", "assistant", "tool"]
    assert world.sent[-2]["tool_calls"] == [call]


def test_without_the_traffic_of_tools_more_of_the_history_fits():
    world = ChatWorld(context=2_000)
    agent = world.agent()
    world.tool(agent, API_CALL)
    world.tools.runs["lookup"] = lambda _: "f" * 1_500
    session = world.session(agent=agent, auto_run_tools=True, context_overflow="truncate")
    for number in range(4):
        world.model.script(Says(calls=[("lookup", {})]), "Done.")
        world.say(session, f"question {number}")
    world.say(session, "more", save=False)
    assert numbers(world) != [0, 1, 2, 3]
    world.say(session, "more", save=False, recall_tools=False)
    assert numbers(world) == [0, 1, 2, 3]
    assert all(one["role"] != "tool" and not one.get("tool_calls") for one in world.sent)
