"""Executions of all tasks and the inbox of open waits, over a whole stack."""

from __future__ import annotations

from typing import Any

import pytest

from local.stack import Stack
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Change, Key
from tests.support.local import Runs
from tests.support.runs import Api

WAIT = {"wait_for_input": {"info": {"say": "$ _.say"}}}


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


def inbox(api: Api, query: str = "") -> list[dict[str, Any]]:
    return api.call("GET", f"/waits{query}")["items"]


def found(api: Api, query: str) -> list[str]:
    return [one["id"] for one in api.call("GET", f"/executions?{query}")["items"]]


def test_waits_come_to_the_inbox_and_leave_it(runs: Runs, api: Api):
    first, second, third = (runs.start(WAIT, input={"say": n}) for n in range(3))
    for one in (first, second, third):
        runs.until(one, "awaiting_input")
    waits = {wait["execution_id"]: wait for wait in inbox(api)}
    assert set(waits) == {first, second, third}
    shown = runs.get(second)
    own = {name: waits[second][name] for name in ("transition_id", "task_token", "info", "since", "deadline")}
    assert [own] == shown["waits"]
    assert waits[second]["task_id"] == shown["task_id"]
    assert waits[second]["metadata"] == shown["metadata"]
    assert [wait["since"] for wait in inbox(api)] == sorted((wait["since"] for wait in waits.values()), reverse=True)
    walked, cursor = [], ""
    while cursor is not None:
        page = api.call("GET", f"/waits?limit=1&direction=asc{cursor and '&cursor='}{cursor}")
        walked += [wait["execution_id"] for wait in page["items"]]
        cursor = page.get("next_cursor")
    assert walked == [wait["execution_id"] for wait in inbox(api)][::-1]
    assert set(found(api, "status=awaiting_input")) == {first, second, third}
    assert found(api, "status=running") == []
    assert found(api, f"status=awaiting_input&task_id={shown['task_id']}") == [second]
    assert set(found(api, f"agent_id={waits[second]['agent_id']}")) == {first, second, third}

    runs.resume(first, {"ok": True})
    assert {wait["execution_id"] for wait in inbox(api)} == {second, third}
    api.call("POST", "/executions", {"task_token": waits[second]["task_token"], "input": {}})
    api.call("PUT", f"/executions/{third}", {"status": "cancelled"})
    assert inbox(api) == []
    for one in (first, second):
        runs.until(one, "succeeded")
    assert set(found(api, "status=succeeded")) == {first, second}
    assert found(api, "status=cancelled") == [third]
    assert found(api, "status=awaiting_input") == []
    created = runs.get(second)["created_at"]
    assert found(api, f"created_after={created}&direction=asc")[0] == third
    assert found(api, f"created_before={created}") == [first]


def test_a_wait_of_an_ended_execution_is_not_in_the_inbox(runs: Runs, api: Api, stack: Stack):
    execution = runs.start(WAIT, input={"say": 1})
    runs.until(execution, "awaiting_input")
    key = Key("core", f"{DEFAULT_TENANT}#execution#{execution}")
    stack.container.tables.update(key, Change(set={"final_key": "fail:"}))
    assert inbox(api) == []
    stack.container.tables.update(key, Change(remove=("final_key",)))
    assert len(inbox(api)) == 1
    api.call("PUT", f"/executions/{execution}", {"status": "cancelled"})


def test_transitions_are_walked_by_cursor(runs: Runs, api: Api):
    execution = runs.start(
        *({"evaluate": {"n": n}} for n in range(5)),
        {"workflow": "inner", "arguments": {}},
        inner=[{"evaluate": {"x": 1}}, {"error": "the end"}],
    )
    runs.until(execution, "failed")
    every = runs.transitions(execution)
    scope = every[-1]["current"]["scope_id"]
    for direction in ("asc", "desc"):
        for limit in (1, 2, 3, 100):
            for more, expected in (
                ("", every),
                (f"&scope_id={scope}", [one for one in every if one["current"]["scope_id"] == scope]),
            ):
                walked, cursor = [], ""
                while cursor is not None:
                    query = f"direction={direction}&limit={limit}{more}{cursor and '&cursor='}{cursor}"
                    page = api.call("GET", f"/executions/{execution}/transitions?{query}")
                    walked += page["items"]
                    cursor = page.get("next_cursor")
                assert walked == (expected if direction == "asc" else expected[::-1])
    cursor = api.call("GET", f"/executions/{execution}/transitions?limit=1")["next_cursor"]
    skipped = api.call("GET", f"/executions/{execution}/transitions?limit=2&offset=1&cursor={cursor}")["items"]
    assert skipped == every[::-1][2:4]
    for wrong in (f"{cursor}&direction=asc", f"{cursor}&scope_id={scope}"):
        answer = api.http.get(f"/executions/{execution}/transitions?cursor={wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
