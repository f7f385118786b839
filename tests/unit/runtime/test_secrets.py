"""Secrets in the expressions of steps: they are there where they are used, and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from silvercup.errors import InvalidTask, ToolFailed, TransientError
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from silvercup.resources.idempotency import Claim
from silvercup.runtime import slices
from tests.support.secrets import found_in
from tests.support.world import TENANT, Outcome, World

TOKEN, AGENTS, PIN = 'tok"en/with = all', "the-agents-own-value", "12345678"
TOOLS: list[dict[str, Any]] = [
    {"name": "fetch", "type": "system", "system": {"resource": "agent", "operation": "get"}},
    {"name": "ask", "type": "function", "function": {}},
]
BEARER = {"evaluate": {"auth": "$ f'Bearer {secrets.TOKEN}'", "key": "$ secrets['OWN']"}}
SEND = {"tool": "fetch", "arguments": "$ _"}


@pytest.fixture
def world() -> World:
    world = World()
    for name, value, agent in (
        ("TOKEN", TOKEN, None),
        ("OWN", "developers", None),
        ("OWN", AGENTS, "agent"),
        ("PIN", PIN, None),
    ):
        make(world, name, value, agent)
    return world


def make(world: World, name: str, value: str, agent: str | None = None) -> str:
    if agent is not None:
        world.tables.put("core", {"pk": f"{TENANT}#agent#{agent}", "id": agent, "body": "{}"})
    made = world.container.secrets.create(
        TENANT, {"name": name, "value": value}, claimed=Claim(uuid7(), repeated=False), agent_id=agent
    )
    return made["id"]


def stored(world: World) -> str:
    """All that is stored of executions, and all that the state machines were told."""
    items = [repr(item) for key, item in world.tables.items.items() if key.table == "runs" or "exec" in key.pk]
    bodies = [body.decode() for body in world.blobs.bodies.values()]
    return "\n".join([*items, *bodies, repr(world.payloads)])


def run(world: World, main: list[Any], value: Any = None, answers: Any = (), **task: Any) -> Outcome:
    """Run a task; nothing that is stored or shown holds a value."""
    outcome = world.run(
        world.compile({"tools": TOOLS, "main": main, **task}, agent_id="agent"), value or {"q": 1}, answers
    )
    nowhere(world, outcome)
    return outcome


def nowhere(world: World, outcome: Outcome) -> None:
    everything = stored(world) + repr(world.container.executions.get(TENANT, outcome.id)) + repr(outcome.transitions)
    assert found_in(everything, (TOKEN, AGENTS, PIN)) == []


def arguments(world: World) -> list[Any]:
    return [call.arguments for call in world.tools.calls]


def test_they_are_in_the_arguments_of_a_tool(world: World):
    run(world, [{"tool": "fetch", "arguments": {"auth": "Bearer {secrets.TOKEN}", "q": "$ _.q"}}])
    assert arguments(world) == [{"auth": f"Bearer {TOKEN}", "q": 1}]


def test_what_an_earlier_step_has_made_of_them_is_whole_where_it_is_used(world: World):
    basic = "$ base64.b64encode(f'me:{secrets.TOKEN}')"
    outcome = run(
        world,
        [
            BEARER,
            SEND,
            {"evaluate": {"basic": basic, "pin": "$ int(secrets.PIN) * 10"}},
            {"prompt": "x"},
            {"tool": "fetch", "arguments": "$ steps[2].output"},
        ],
    )
    assert outcome.status == "succeeded", outcome.output
    encoded = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    assert arguments(world) == [{"auth": f"Bearer {TOKEN}", "key": AGENTS}, {"basic": encoded, "pin": 123456780}]
    assert outcome.transitions[1]["output"] == {"auth": "Bearer ***", "key": "***"}
    assert outcome.transitions[3]["output"]["pin"] == "***"


def test_what_comes_back_is_shown_without_them_and_goes_on_whole(world: World):
    outcome = run(
        world, [{"tool": "fetch", "arguments": {"auth": "$ secrets.TOKEN"}}, {"tool": "fetch", "arguments": "$ _.got"}]
    )
    assert arguments(world) == [{"auth": TOKEN}] * 2
    assert outcome.output == {"tool": "fetch", "got": {"auth": "***"}}


def test_a_model_is_told_what_the_task_tells_it(world: World):
    outcome = run(world, [{"prompt": [{"role": "user", "content": "$ f'say {secrets.TOKEN}'"}], "unwrap": True}])
    assert world.models.asked == [f"say {TOKEN}"]
    assert outcome.output == "Echo: say ***"


def test_conditions_logs_and_loops_see_them(world: World):
    outcome = run(
        world,
        [
            {"log": "the token is {secrets.TOKEN}"},
            {"if": "$ len(secrets.PIN) == 8", "then": {"evaluate": {"a": "$ 1"}}},
            {"over": "$ [secrets.TOKEN, secrets.PIN]", "map": {"tool": "fetch", "arguments": {"one": "$ _"}}},
            {"over": "$ [secrets.PIN, 'x']", "map": {"evaluate": {"two": "$ _"}}},
            {"return": {"is": "$ secrets.get('NONE') == None", "own": "$ secrets.OWN"}},
        ],
    )
    assert outcome.status == "succeeded", outcome.output
    assert arguments(world) == [{"one": TOKEN}, {"one": PIN}]
    assert outcome.transitions[1]["metadata"]["log"] == "the token is ***"
    assert outcome.output == {"is": True, "own": "***"}


def test_state_sub_workflows_and_waits_hand_them_on(world: World):
    outcome = run(
        world,
        [
            {"set": {"kept": "$ secrets.TOKEN"}},
            {"workflow": "send", "arguments": {"auth": "$ secrets.OWN"}},
            {"wait_for_input": {"info": {"hint": "$ secrets.PIN"}}},
            {"tool": "fetch", "arguments": {"kept": "$ state.kept", "answer": "$ _"}},
            {"tool": "ask", "arguments": {"pin": "$ secrets.PIN"}},
        ],
        answers=[{"yes": 1}],
        send=[{"tool": "fetch", "arguments": {"auth": "$ _.auth"}}],
    )
    assert outcome.status == "succeeded", outcome.output
    assert arguments(world) == [{"auth": AGENTS}, {"kept": TOKEN, "answer": {"yes": 1}}]


def test_large_values_keep_references_in_their_blobs(world: World):
    large = {
        "over": "$ [{'n': i, 'auth': secrets.TOKEN, 'text': 'x' * 1000} for i in range(400)]",
        "map": {"tool": "fetch", "arguments": "$ {'n': _.n, 'auth': _.auth}"},
        "parallelism": 4,
    }
    outcome = run(world, [large])
    assert outcome.status == "succeeded", outcome.output
    assert all(given["auth"] == TOKEN for given in arguments(world))
    assert len(arguments(world)) == 400


def test_a_block_that_goes_on_in_another_invocation_still_knows_them(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slices, "SLICE_TRANSITIONS", 3)
    loop = {"foreach": {"in": "$ [secrets.TOKEN] * 9", "do": {"log": "{_}"}}}
    outcome = run(world, [BEARER, loop, {"tool": "fetch", "arguments": "$ steps[0].output"}])
    assert outcome.status == "succeeded", outcome.output
    assert arguments(world)[0]["auth"] == f"Bearer {TOKEN}"


def test_a_tool_that_repeats_them_in_its_error_is_shown_without(world: World):
    world.tools.failures = [ToolFailed(f"401 for Bearer {TOKEN}")]
    outcome = run(world, [BEARER, SEND])
    assert outcome.output == "main[1]: Error in executing fetch: 401 for Bearer ***"


def test_an_expression_that_fails_is_told_without(world: World):
    outcome = run(world, [{"evaluate": {"a": "$ int(secrets.TOKEN)"}}])
    assert outcome.status == "failed"
    assert "***" in outcome.output


def test_a_call_that_is_made_again_is_made_with_the_same(world: World):
    world.tools.failures = [TransientError("slow"), None]
    run(world, [BEARER, SEND])
    assert arguments(world) == [{"auth": f"Bearer {TOKEN}", "key": AGENTS}] * 2


def test_a_secret_that_is_missing_is_named(world: World):
    outcome = run(world, [{"evaluate": {"a": "$ secrets.NOBODY"}}])
    assert "there is no secret NOBODY; create it with POST /secrets" in outcome.output


def change_while_waiting(world: World, change: Callable[[str], Any]) -> Outcome:
    """The outcome of a task that waits while TOKEN, of which it has made something, is changed."""
    wait = {"wait_for_input": {"info": {}}}
    main = [BEARER, wait, {"tool": "fetch", "arguments": "$ steps[0].output"}]
    compiled = world.compile({"tools": TOOLS, "main": main}, agent_id="agent")
    ref = world.start(compiled, {})
    world.machines.settle()
    listed = world.container.secrets.list(TENANT, ListQuery()).items
    change(next(one["id"] for one in listed if one["name"] == "TOKEN"))
    outcome = world.finish(ref, [{}])
    nowhere(world, outcome)
    return outcome


def test_one_that_is_changed_while_an_execution_waits_is_the_new_one_then(world: World):
    secrets = world.container.secrets
    outcome = change_while_waiting(world, lambda found: secrets.update(TENANT, found, {"value": "rotated-value"}))
    assert outcome.status == "succeeded", outcome.output
    assert arguments(world) == [{"auth": "Bearer rotated-value", "key": AGENTS}]


def test_one_that_is_deleted_while_an_execution_waits_is_named(world: World):
    outcome = change_while_waiting(world, lambda found: world.container.secrets.delete(TENANT, found))
    why = "A value that an earlier step has made holds the secret TOKEN, which was deleted since"
    assert outcome.output == f"main[2]: {why}"


@pytest.mark.parametrize(
    "written", ["$ secrets[_.name]", "$ len(secrets)", "$ secrets.get(_.name)", "$ [s for s in secrets]"]
)
def test_a_name_can_not_be_computed(written: str):
    with pytest.raises(InvalidTask) as refused:
        World().compile({"main": [{"evaluate": {"a": written}}]})
    (problem,) = refused.value.details
    assert problem.loc == "main[0].evaluate.a"
    assert "a secret is named as it is" in problem.msg


def test_what_comes_in_names_no_secret(world: World):
    said = {"a": "{secrets.TOKEN}", "b": "$ secrets.TOKEN"}
    run(world, [BEARER, {"tool": "fetch", "arguments": "$ input"}], said)
    assert arguments(world) == [said]


def test_a_prompt_with_tools_uses_the_developers_key_as_others_do(world: World):
    make(world, "ANTHROPIC_API_KEY", "sk-ant-own")
    run(world, [{"prompt": "call fetch", "tools": [TOOLS[0]], "auto_run_tools": True}, {"prompt": "x"}])
    assert world.models.keys == ["sk-ant-own"] * 3


def test_a_block_that_names_none_reads_none(world: World):
    world.vault.calls.clear()
    run(world, [{"evaluate": {"a": "$ 1"}}, {"tool": "fetch", "arguments": "$ _"}])
    assert world.vault.calls == []


def test_those_that_a_tools_definition_names_are_read_with_the_rest(world: World):
    headers = {"Authorization": "$ f'Bearer {secrets.TOKEN}'"}
    spec = {"method": "GET", "url": "https://example.com", "headers": headers}
    tool = {"name": "get", "type": "api_call", "api_call": spec}
    world.run(world.compile({"tools": [tool], "main": [{"tool": "get", "arguments": {}}]}, agent_id="agent"))
    secrets = world.tools.calls[0].secrets
    assert secrets is not None
    world.tables.requests.clear()
    assert secrets.values(TENANT, ["TOKEN"], "agent") == {"TOKEN": TOKEN}
    assert world.tables.requests == []
    for _ in range(2):
        assert secrets.values(TENANT, ["TOKEN", "OWN", "NONE"], "agent") == {"TOKEN": TOKEN, "OWN": AGENTS}
    assert world.tables.requests == ["get_many"] * 2
