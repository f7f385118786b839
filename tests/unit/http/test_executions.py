"""The routes of executions, transitions and jobs."""

from __future__ import annotations

import pytest

from silvercup.executions.search import Search
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
from tests.unit.http.conftest import Api


def started(api: Api) -> str:
    answer = api("POST", f"/tasks/{uuid7()}/executions", json={"input": {"x": 1}})
    assert answer.status_code == 201
    return answer.json()["id"]


def test_an_execution_starts(api: Api):
    task_id = uuid7()
    body = {"input": {"x": 1}, "metadata": {"m": 1}, "output": None, "error": "?", "transition_count": 3}
    answer = api("POST", f"/tasks/{task_id}/executions", json=body)
    assert answer.status_code == 201
    execution = answer.json()
    assert (execution["task_id"], execution["input"]) == (task_id, {"x": 1})
    assert execution["metadata"] == {"m": 1, "jobs": [execution["id"]]}
    assert "x-silvercup-warnings" not in answer.headers
    assert api("GET", f"/executions/{execution['id']}").json() == execution
    assert api("GET", f"/tasks/{task_id}/executions").json() == {"items": [execution]}


@pytest.mark.parametrize(
    ("body", "loc"), [({}, "input"), ({"input": 5}, "input"), ({"input": {}, "metadata": 1}, "metadata")]
)
def test_a_wrong_start_is_422(api: Api, body: object, loc: str):
    answer = api("POST", f"/tasks/{uuid7()}/executions", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["loc"] == loc
    assert api.container.executions.saved == {}


def test_a_retried_start_gives_the_first_execution(api: Api):
    path, body = f"/tasks/{uuid7()}/executions", {"input": {}}
    first = api("POST", path, json=body, headers={"x-stainless-retry-count": "0"}).json()
    assert api("POST", path, json=body, headers={"x-stainless-retry-count": "1"}).json() == first
    assert api("POST", path, json=body).json()["id"] != first["id"]


def test_put_resumes_and_cancels(api: Api):
    execution_id = started(api)
    path = f"/executions/{execution_id}"
    for body in (
        {"status": "running", "input": {"a": 1}},
        {"status": "running", "input": None},
        {"input": {"b": 2}},
        {},
    ):
        answer = api("PUT", path, json=body)
        assert (answer.status_code, answer.json()["id"]) == (200, execution_id)
    api("PUT", path, json={"status": "running"}, headers={"x-stainless-retry-count": "2"})
    wait = uuid7()
    api("PUT", path, json={"input": {}, "transition_id": wait})
    answer = api("PUT", path, json={"status": "cancelled", "reason": "enough"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    api("PUT", path, json={"reason": "only a reason"})
    assert api.container.executions.calls == [
        ("resume", execution_id, {"a": 1}, False, None),
        ("resume", execution_id, None, False, None),
        ("resume", execution_id, {"b": 2}, False, None),
        ("resume", execution_id, None, False, None),
        ("resume", execution_id, None, True, None),
        ("resume", execution_id, {}, False, wait),
        ("cancel", execution_id, "enough"),
        ("cancel", execution_id, "only a reason"),
    ]


def test_conflicts_say_whether_to_retry(api: Api):
    path = f"/executions/{started(api)}"
    early = api("PUT", path, json={"input": {"too": "early"}})
    assert (early.status_code, early.headers["x-should-retry"]) == (409, "true")
    api("PUT", path, json={"status": "cancelled"})
    late = api("PUT", path, json={"status": "running"})
    assert (late.status_code, late.headers["x-should-retry"]) == (409, "false")
    assert late.json()["error"]["type"] == "Conflict"


@pytest.mark.parametrize("body", [{"status": "paused"}, {"status": "succeeded"}, {"input": 5}, {"input": []}])
def test_another_status_or_input_is_422(api: Api, body: object):
    answer = api("PUT", f"/executions/{started(api)}", json=body)
    assert answer.status_code == 422
    if "status" in body:  # pyright: ignore[reportOperatorIssue]
        assert "'running' or 'cancelled'" in answer.json()["error"]["details"][0]["msg"]


def test_a_task_token_needs_no_key(api: Api):
    none = {"authorization": ""}
    assert (
        api(
            "POST", "/executions?task_token=t1", json={"status": "running", "input": {"a": 1}}, headers=none
        ).status_code
        == 200
    )
    assert api("POST", "/executions", json={"task_token": "t2"}, headers=none).status_code == 200
    assert api.container.executions.calls == [("resume_by_token", "t1", {"a": 1}), ("resume_by_token", "t2", None)]
    missing = api("POST", "/executions", json={"status": "running"}, headers=none)
    assert (missing.status_code, missing.json()["error"]["details"][0]["loc"]) == (422, "query.task_token")
    assert api("POST", "/executions?task_token=t", json={"status": "cancelled"}, headers=none).status_code == 422


def test_transitions_are_listed_and_got(api: Api):
    execution_id, scope, wanted = started(api), uuid7(), uuid7()
    answer = api("GET", f"/executions/{execution_id}/transitions?limit=5&direction=asc&scope_id={scope}")
    assert len(answer.json()["items"]) == 1
    assert api.container.executions.calls == [
        ("transitions", execution_id, ListQuery(5, 0, "created_at", "asc"), scope)
    ]
    one = api("GET", f"/executions/{execution_id}/transitions/{wanted}")
    assert one.json() == {"id": wanted, "execution_id": execution_id}
    assert api("GET", f"/executions/{execution_id}/transitions/nonsense").status_code == 404


def test_a_job_is_an_execution(api: Api):
    execution_id = started(api)
    job = api("GET", f"/jobs/{execution_id}").json()
    assert (job["id"], job["state"], job["reason"]) == (execution_id, "in_progress", "Execution status: awaiting_input")
    assert set(job) == {"id", "name", "reason", "state", "has_progress", "progress", "created_at", "updated_at"}
    api("PUT", f"/executions/{execution_id}", json={"status": "cancelled"})
    assert api("GET", f"/jobs/{execution_id}").json()["state"] == "aborted"
    missing = api("GET", f"/jobs/{uuid7()}")
    assert (missing.status_code, missing.json()["error"]["message"][:3]) == (404, "Job")


def test_unknown_and_ill_formed_executions_are_404(api: Api):
    for path in (
        "/executions/nonsense",
        f"/executions/{uuid7()}",
        "/jobs/nonsense",
        f"/executions/{uuid7()}/status.stream",
    ):
        assert api("GET", path).status_code == 404, path
    assert api("PUT", f"/executions/{uuid7()}", json={"status": "cancelled"}).status_code == 404


def test_executions_of_all_tasks_are_searched(api: Api):
    task_id, agent_id = uuid7(), uuid7()
    times = "created_after=2026-01-01T00:00:00Z&created_before=2026-01-01T01:00:00.5%2B01:00"
    assert (
        api("GET", f"/executions?status=failed&task_id={task_id.upper()}&agent_id={agent_id}&{times}").status_code
        == 200
    )
    start = 1_767_225_600_000_000
    wanted = Search("failed", task_id, agent_id, start, start + 500_000)
    assert api.container.executions.calls[-1] == ("find", wanted, ListQuery())
    assert api("GET", "/executions?created_after=2026-01-01T00:00:00").status_code == 200
    assert api.container.executions.calls[-1][1] == Search(created_after=start)
    assert api("GET", "/waits?limit=3").json() == {"items": [], "next_cursor": "more"}


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("status=done", 400, "Invalid status 'done': it is one of queued, starting"),
        ("task_id=mine", 422, "Validation error: query.task_id"),
        ("agent_id=%00", 422, "Validation error: query.agent_id"),
        ("created_after=soon", 422, "Validation error: query.created_after"),
    ],
)
def test_wrong_searches_are_told(api: Api, query: str, status: int, message: str):
    answer = api("GET", f"/executions?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)


def test_times_at_the_ends_of_the_calendar_are_taken(api: Api):
    for time in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "1e9", "-1"):
        assert api("GET", f"/executions?created_after={time}&created_before={time}").status_code in {200, 422}, time
