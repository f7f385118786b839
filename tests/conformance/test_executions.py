"""Executions: run, wait, resume, cancel; and what must not be possible."""

from __future__ import annotations

import anyio
import httpx
import pytest
from julep import AsyncJulep, BadRequestError, ConflictError, Julep, NotFoundError, UnprocessableEntityError
from julep.types import Agent

from silvercup.ids import uuid7
from tests.conformance.stack import Running
from tests.conformance.tasks import ASK, BRANCHES, FAIL, SLEEP, TALK, create, error_of, until


@pytest.fixture(scope="module")
def ask(client: Julep, agent: Agent) -> str:
    return create(client, agent.id, ASK)


def waiting(client: Julep, task_id: str, n: int = 1) -> str:
    execution_id = client.executions.create(task_id, input={"n": n}).id
    until(client, execution_id, "awaiting_input")
    return execution_id


def test_a_run_waits_goes_on_and_ends(client: Julep, ask: str):
    started = client.executions.create(ask, input={"n": 1, "note": "ü"}, metadata={"order": 7})
    assert (started.status, started.task_id, started.input) == ("queued", ask, {"n": 1, "note": "ü"})
    assert started.metadata == {"order": 7, "jobs": [started.id]}

    paused = until(client, started.id, "awaiting_input")
    assert paused.output == {"question": "How much more?", "so_far": 2}
    assert (paused.metadata, paused.error, paused.transition_count) == ({"order": 7}, None, 3)
    assert client.jobs.get(started.id).state == "in_progress"

    client.executions.change_status(started.id, status="running", input={"more": 40})
    ended = until(client, started.id, "succeeded")
    assert (ended.output, ended.error, ended.transition_count) == ({"total": 42}, None, 5)
    assert ended.updated_at > ended.created_at == started.created_at
    assert client.jobs.get(started.id).state == "succeeded"

    log = client.executions.transitions.list(started.id, direction="asc").items
    assert [one.type for one in log] == ["init", "step", "wait", "step", "finish"]
    assert [one.current.step for one in log] == [0, 0, 1, 1, 2]
    assert [one.output for one in log] == [{"n": 1, "note": "ü"}, {"n": 2}, paused.output, {"more": 40}, {"total": 42}]
    assert {one.current.workflow for one in log} == {"main"}
    assert {one.execution_id for one in log} == {started.id}
    assert [one.step_label for one in log] == [None, "plus", None, None, None]
    assert [one.created_at for one in log] == sorted({one.created_at for one in log})
    newest_first = list(client.executions.transitions.list(started.id, limit=2))
    assert [one.id for one in newest_first] == [one.id for one in log][::-1]
    assert client.executions.transitions.retrieve(log[2].id, execution_id=started.id).output == paused.output
    assert [one.id for one in client.executions.list(ask, limit=1).items] == [started.id]


def test_branches_and_sub_workflows(client: Julep, agent: Agent):
    task_id = create(client, agent.id, BRANCHES)
    for n, text in ((5, "a small number"), (50, "a large number")):
        execution = client.executions.create(task_id, input={"n": n})
        assert until(client, execution.id, "succeeded").output == {"text": text}
        log = client.executions.transitions.list(execution.id, direction="asc").items
        assert (log[0].type, log[-1].type) == ("init", "finish")
        assert [one.type for one in log].count("init_branch") == 2
        assert [one.type for one in log].count("finish_branch") == 2
        scopes = {one.current.scope_id for one in log}
        assert len(scopes) == 2
        inner = [one for one in log if one.current.workflow == "describe"]
        found = client.executions.transitions.list(execution.id, scope_id=inner[0].current.scope_id, direction="asc")
        assert [one.id for one in found.items] == [one.id for one in inner]


def test_a_prompt_is_answered(client: Julep, agent: Agent):
    execution = client.executions.create(create(client, agent.id, TALK), input={"name": "Ada"})
    output = until(client, execution.id, "succeeded").output
    assert isinstance(output, dict)
    assert isinstance(output["said"], str)
    assert output["said"]


def test_a_step_that_fails_fails_the_run_and_says_why(client: Julep, agent: Agent):
    execution = client.executions.create(create(client, agent.id, FAIL), input={"n": 0})
    failed = until(client, execution.id, "failed")
    assert failed.error
    assert failed.output == failed.error
    assert "zero" in failed.error
    log = client.executions.transitions.list(execution.id).items
    assert [one.type for one in log] == ["error", "init"]
    assert client.jobs.get(execution.id).state == "failed"


def test_the_same_answer_again_is_fine_and_another_is_not(client: Julep, ask: str):
    execution_id = waiting(client, ask)
    client.executions.change_status(execution_id, status="running", input={"more": 1})
    client.executions.change_status(execution_id, status="running", input={"more": 1})
    with pytest.raises(ConflictError) as told:
        client.executions.change_status(execution_id, status="running", input={"more": 2})
    assert told.value.response.headers["x-should-retry"] == "false"
    assert until(client, execution_id, "succeeded").output == {"total": 3}
    client.executions.change_status(
        execution_id, status="running", input={"more": 1}, extra_headers={"x-stainless-retry-count": "1"}
    )
    with pytest.raises(ConflictError):
        client.executions.change_status(execution_id, status="running", input={"more": 2})
    assert client.executions.get(execution_id).transition_count == 5


def test_what_does_not_wait_cant_be_resumed(client: Julep, agent: Agent):
    execution = client.executions.create(create(client, agent.id, SLEEP), input={})
    until(client, execution.id, "running", "starting", "queued")
    with pytest.raises(ConflictError) as told:
        client.executions.change_status(execution.id, status="running", input={"more": 1})
    assert told.value.response.headers["x-should-retry"] == "false"
    client.executions.change_status(execution.id, status="cancelled")


def test_cancel(client: Julep, ask: str):
    execution_id = waiting(client, ask)
    client.executions.change_status(execution_id, status="cancelled", reason="enough")
    cancelled = until(client, execution_id, "cancelled")
    assert client.executions.transitions.list(execution_id).items[0].type == "cancelled"
    client.executions.change_status(execution_id, status="cancelled")
    assert client.executions.get(execution_id) == cancelled
    with pytest.raises(ConflictError):
        client.executions.change_status(execution_id, status="running", input={"more": 1})
    assert client.jobs.get(execution_id).state == "aborted"


def test_a_finished_run_cant_be_cancelled(client: Julep, ask: str):
    execution_id = waiting(client, ask)
    client.executions.change_status(execution_id, status="running", input={"more": 1})
    until(client, execution_id, "succeeded")
    with pytest.raises(ConflictError) as told:
        client.executions.change_status(execution_id, status="cancelled")
    assert told.value.response.headers["x-should-retry"] == "false"
    assert client.executions.get(execution_id).status == "succeeded"


def test_a_task_token_resumes_without_a_key(client: Julep, raw: httpx.Client, stack: Running, ask: str):
    execution_id = waiting(client, ask)
    wait = raw.get(f"/executions/{execution_id}").json()["waits"][0]
    assert set(wait) >= {"transition_id", "task_token", "info", "since", "deadline"}
    assert wait["info"] == {"question": "How much more?", "so_far": 2}
    assert wait["transition_id"] == client.executions.transitions.list(execution_id).items[0].id

    def resume(token: str, more: int) -> httpx.Response:
        body = {"status": "running", "input": {"more": more}}
        return httpx.post(f"{stack.url}/executions", params={"task_token": token}, json=body, timeout=30)

    token = wait["task_token"]
    middle = len(token) // 2
    forged = f"{token[:middle]}{'A' if token[middle] != 'A' else 'B'}{token[middle + 1 :]}"
    for wrong in (forged, token[:-4], "nonsense"):
        assert resume(wrong, 5).status_code in {400, 403, 404}, wrong
    assert client.executions.get(execution_id).status == "awaiting_input"
    answer = resume(token, 5)
    assert (answer.status_code, answer.json()["id"]) == (200, execution_id)
    assert resume(token, 5).status_code == 200
    assert resume(token, 6).status_code == 409
    assert until(client, execution_id, "succeeded").output == {"total": 7}


@pytest.mark.parametrize(
    ("given", "field"), [({}, "n"), ({"n": "one"}, "n"), ({"n": 1, "note": 5}, "note"), ({"n": 1.5}, "n")]
)
def test_an_input_that_breaks_the_schema_names_the_field(client: Julep, ask: str, given: dict[str, object], field: str):
    before = [one.id for one in client.executions.list(ask, limit=1).items]
    with pytest.raises(BadRequestError) as told:
        client.executions.create(ask, input=given)
    error = error_of(told.value)
    assert field in error["message"]
    assert any(field in f"{detail['loc']} {detail['msg']}" for detail in error["details"])
    assert [one.id for one in client.executions.list(ask, limit=1).items] == before


def test_wrong_bodies_are_422(client: Julep, raw: httpx.Client, ask: str):
    with pytest.raises(UnprocessableEntityError):
        client.executions.create(ask, input="text")
    execution_id = waiting(client, ask)
    for body in ({"status": "paused"}, {"status": "running", "input": [1]}):
        answer = raw.put(f"/executions/{execution_id}", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_error")
    assert client.executions.get(execution_id).status == "awaiting_input"
    client.executions.change_status(execution_id, status="cancelled")


def test_unknown_executions_are_404(client: Julep, raw: httpx.Client):
    for path in (f"/executions/{uuid7()}", "/executions/nonsense", f"/executions/{uuid7()}/transitions"):
        answer = raw.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    with pytest.raises(NotFoundError):
        client.executions.create(uuid7(), input={})
    with pytest.raises(NotFoundError):
        client.executions.change_status(uuid7(), status="cancelled")


def test_a_retried_start_is_one_execution(client: Julep, ask: str):
    given = {"n": 1, "note": uuid7()}
    first = client.executions.create(ask, input=given, extra_headers={"x-stainless-retry-count": "0"})
    again = client.executions.create(ask, input=given, extra_headers={"x-stainless-retry-count": "1"})
    assert again.id == first.id
    until(client, first.id, "awaiting_input")
    late = client.executions.create(ask, input=given, extra_headers={"x-stainless-retry-count": "2"})
    assert late.id == first.id
    anew = client.executions.create(ask, input=given)
    assert anew.id != first.id
    for execution_id in (first.id, anew.id):
        client.executions.change_status(execution_id, status="cancelled")


def test_the_asynchronous_client_does_the_same(stack: Running, agent: Agent):
    async def play() -> None:
        async with AsyncJulep(api_key=stack.key, base_url=stack.url, _strict_response_validation=True) as client:
            task = await client.tasks.create(agent.id, **ASK)
            execution = await client.executions.create(task.id, input={"n": 1})
            with anyio.fail_after(60):
                async for state in await client.executions.status.stream(execution.id):
                    if state.status == "awaiting_input":
                        break
                await client.executions.change_status(execution.id, status="running", input={"more": 1})
                statuses = [state.status async for state in await client.executions.status.stream(execution.id)]
            assert statuses[-1] == "succeeded"
            log = [one.type async for one in client.executions.transitions.list(execution.id, direction="asc")]
            assert log == ["init", "step", "wait", "step", "finish"]

    anyio.run(play)
