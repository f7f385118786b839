"""Exactly once: every request of a run fails once, before and after, and the run ends as if nothing had happened."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from local.stack import Stack
from silvercup.paging import ListQuery
from silvercup.settings import DEFAULT_TENANT
from tests.support.faults import Fault, Injector, Side
from tests.support.local import execution_item
from tests.support.provider import FakeProvider
from tests.support.runs import FINAL, Api, normal, wait_until

TASK: dict[str, Any] = {
    "tools": [{"name": "ask_owner", "type": "function", "function": {"parameters": {"type": "object"}}}],
    "main": [
        {"set": {"count": "$ len(_.words)"}, "label": "counted"},
        {"prompt": [{"role": "user", "content": "$ 'Greet ' + input.words[0]"}], "unwrap": True},
        {"if": "$ state.count > 1", "then": {"wait_for_input": {"info": {"greeting": "$ _"}}}},
        {"workflow": "judge", "arguments": {"answer": "$ _.text", "count": "$ steps['counted'].output.count"}},
        {"log": "judged {_.verdict}"},
        {"switch": [{"case": "$ _.verdict == 'long'", "then": {"return": {"done": "$ _"}}}, {"case": "_", "then": {"get": "count"}}]},
    ],
    "judge": [
        {"tool": "ask_owner", "arguments": {"about": "$ _.answer"}},
        {"if": "$ _.ok", "then": [{"evaluate": {"n": "$ steps[0].input.count"}}, {"return": {"verdict": "long"}}]},
        {"error": "never reached"},
    ],
}  # fmt: skip
INPUT = {"words": ["Ada", "Bea"]}
RACED = 4
"""Requests that either the API or the closing block of a wait sends, two a wait: whoever comes first."""
RUNS = itertools.count()
"""A retry is told from a new request by its body, so every run has one of its own."""
ANSWERS = [{"text": "fine"}, {"ok": True}]


@pytest.fixture(scope="module")
def task_id(api: Api) -> str:
    return api.task(api.agent(), TASK)


def run(stack: Stack, api: Api, task_id: str) -> tuple[str, Any, list[dict[str, Any]]]:
    """Run the task to its end, answering every wait."""
    executions = stack.container.executions
    execution_id = api.call("POST", f"/tasks/{task_id}/executions", {"input": INPUT, "metadata": {"run": next(RUNS)}})[
        "id"
    ]

    def item() -> dict[str, Any]:
        return execution_item(stack, execution_id)

    answered: set[str] = set()

    def waits() -> set[str]:
        now = item()
        assert now["status"] not in FINAL, executions.get(DEFAULT_TENANT, execution_id)["output"]
        open_now: set[str] = now.get("open_waits") or set()
        return open_now - answered

    for answer in ANSWERS:
        wait_until(lambda: bool(waits()), f"wait {len(answered)} of {execution_id}")
        answered.update(waits())
        api.call("PUT", f"/executions/{execution_id}", {"status": "running", "input": answer})
    wait_until(lambda: item()["status"] in FINAL, f"the end of {execution_id}")
    transitions = executions.transitions(DEFAULT_TENANT, execution_id, ListQuery(direction="asc", limit=1000)).items
    shown = executions.get(DEFAULT_TENANT, execution_id)
    assert shown["transition_count"] == len(transitions)
    arn = stack.container.launcher.run_of(item()).arn
    wait_until(lambda: stack.container.machines.status(arn) != "RUNNING", "the machine's end")
    assert stack.container.machines.status(arn) == "SUCCEEDED"
    return shown["status"], shown["output"], normal(transitions)


def test_every_request_of_a_run_may_fail_once_before_or_after(
    stack: Stack, api: Api, task_id: str, provider: FakeProvider
):
    run(stack, api, task_id)  # the machine is made, programs are in memory
    counting = Injector()
    provider.clear()
    with counting.installed(stack.container):
        expected = run(stack, api, task_id)
    assert expected[0] == "succeeded"
    assert expected[1] == {"done": {"verdict": "long"}}
    assert len(provider.requests) == 1
    counts: dict[Side, int] = {side: len(sent) for side, sent in counting.sent.items()}
    assert counts["machine"] > 20
    assert counts["api"] > 10
    faults = [Fault(side, i, when) for side in counts for i in range(counts[side]) for when in ("before", "after")]
    missed = 0
    for fault in faults:
        injector = Injector(fault)
        provider.clear()
        with injector.installed(stack.container):
            found = run(stack, api, task_id)
        sent = injector.sent[fault.side]
        name = sent[fault.number] if fault.number < len(sent) else "not sent in this run"
        assert injector.hit or fault.number >= len(sent), f"{fault} ({name}) did not happen"
        assert found == expected, f"{fault} ({name})"
        assert len(provider.requests) <= 2, f"{fault} ({name})"
        missed += not injector.hit
    assert missed <= RACED * 2, "only what the API and the machine may both do after an answer may be missed"
