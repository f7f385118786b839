"""Executions through the API of a whole stack: ends of every kind, cancelling, limits, large values."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from local.stack import Stack
from silvercup.errors import Conflict
from silvercup.settings import DEFAULT_TENANT
from tests.support.local import Runs, execution_item
from tests.support.provider import Failure, FakeProvider, Hang
from tests.support.runs import Api, normal, wait_until


@pytest.fixture(scope="module")
def runs(api: Api, stack: Stack) -> Runs:
    return Runs(api, stack)


def failed(runs: Runs, *main: dict[str, Any], **more: Any) -> str:
    shown = runs.until(runs.start(*main, **more), "failed")
    assert shown["error"] == shown["output"]
    return shown["error"]


def test_a_failing_step_writes_one_error_after_what_came_before(runs: Runs):
    execution = runs.start({"evaluate": {"x": 1}}, {"evaluate": {"y": "$ _.x / 0"}}, {"evaluate": {"z": 1}})
    shown = runs.until(execution, "failed")
    assert "zero" in shown["error"]
    assert runs.types(execution) == ["init", "step", "error"]
    error = runs.transitions(execution)[-1]
    assert error["current"]["step"] == 1
    assert error["next"]["step"] == 2
    assert shown["transition_count"] == 3


def test_an_error_step_fails_also_as_the_last_step(runs: Runs):
    assert failed(runs, {"evaluate": {"x": 1}}, {"error": "no more {stock}"}).endswith("no more {stock}")


def test_an_error_in_a_sub_workflow_and_a_branch(runs: Runs):
    execution = runs.start(
        {"workflow": "inner", "arguments": {"n": 3}}, inner=[{"if": "$ _.n > 2", "then": {"error": "too many"}}]
    )
    assert runs.until(execution, "failed")["error"].endswith("too many")
    assert runs.types(execution) == ["init", "step", "init_branch", "init_branch", "error"]


def test_a_missing_name_says_what_is_there(runs: Runs):
    assert "colour" in failed(runs, {"evaluate": {"x": "$ _.color"}}, input={"colour": "red"})


def test_a_switch_without_a_case_says_what_was_tried(runs: Runs):
    message = failed(runs, {"switch": [{"case": "$ _.n == 1", "then": {"evaluate": {"a": 1}}}]}, input={"n": 2})
    assert "_.n == 1" in message
    assert "case: _" in message


def test_if_without_else_passes_its_input_on(runs: Runs):
    execution = runs.start({"if": "$ _.n > 5", "then": {"evaluate": {"n": 0}}}, input={"n": 2})
    assert runs.until(execution, "succeeded")["output"] == {"n": 2}
    assert runs.types(execution) == ["init", "finish"]


def test_set_get_log_and_state_in_scopes_of_their_own(runs: Runs):
    execution = runs.start(
        {"set": {"a": 1, "b": "$ _.n"}},
        {"workflow": "inner", "arguments": "_"},
        {"log": "a is {state.a}, inner gave {_.seen}"},
        {"get": ["a", "b", "missing"]},
        input={"n": 5},
        inner=[{"set": {"a": "inner"}}, {"evaluate": {"seen": "$ state.get('b', 'nothing')"}}],
    )
    assert runs.until(execution, "succeeded")["output"] == [1, 5, None]
    log = next(shown for shown in runs.transitions(execution) if shown["metadata"].get("step_type") == "LogStep")
    assert log["output"] == {"seen": "nothing"}
    assert log["metadata"]["log"] == "a is 1, inner gave nothing"


def test_labels_and_steps_inside_branches_and_calls(runs: Runs):
    execution = runs.start(
        {"evaluate": {"v": 1}, "label": "first"},
        {
            "if": "$ True",
            "then": [
                {"evaluate": {"v": "$ steps['first'].output.v + 1"}, "label": "inside"},
                {"evaluate": {"v": "$ steps['inside'].output.v * 10 + outputs[0].v", "seen": "$ len(steps)"}},
            ],
        },
        {"workflow": "sub", "arguments": {"x": "$ _.v"}},
        {"evaluate": {"all": "$ [s.output for s in steps]", "again": "$ steps[-1].output"}},
        sub=[{"evaluate": {"y": "$ inputs[0].x + 1"}}, {"return": {"z": "$ steps[0].input.x + _.y"}}],
    )
    output = runs.until(execution, "succeeded")["output"]
    assert output == {"all": [{"v": 1}, {"v": 21, "seen": 1}, {"z": 43}], "again": {"z": 43}}


def test_return_in_nested_branches_ends_its_workflow_only(runs: Runs):
    execution = runs.start(
        {"workflow": "inner", "arguments": {"n": 1}},
        {"evaluate": {"got": "$ _.value"}},
        inner=[
            {"if": "$ _.n == 1", "then": {"switch": [{"case": "_", "then": [{"return": {"value": "early"}}]}]}},
            {"error": "not reached"},
        ],
    )
    assert runs.until(execution, "succeeded")["output"] == {"got": "early"}
    types = runs.types(execution)
    assert types == [
        "init",
        "step",
        "init_branch",
        "init_branch",
        "init_branch",
        *["finish_branch"] * 3,
        "step",
        "finish",
    ]
    scopes = {shown["current"]["scope_id"] for shown in runs.transitions(execution)}
    assert len(scopes) == 2


def test_large_values_go_through_every_kind_of_step(runs: Runs, provider: FakeProvider):
    big = {"text": "é" * 300_000}
    execution = runs.start(
        {"log": "size {len(_.text)}"},
        {"set": {"kept": "$ _.text"}},
        {"if": "$ len(_.kept) > 10", "then": {"wait_for_input": {"info": {"text": "$ _.kept"}}}},
        {"workflow": "inner", "arguments": "_"},
        {"evaluate": {"same": "$ _.text == state.kept == input.text"}},
        input=big,
        inner=[{"evaluate": {"text": "$ _.text"}}],
    )
    shown = runs.until(execution, "awaiting_input")
    assert shown["input"] == big
    assert shown["output"] == big
    runs.resume(execution, big)
    assert runs.until(execution, "succeeded")["output"] == {"same": True}
    del provider


def test_null_characters_are_gone_and_odd_text_stays(runs: Runs):
    text = "a\u0000b \U0001f680 \u200b\u2028 'quotes' {braces} ''' \\"
    execution = runs.start({"evaluate": {"t": "$ _.t"}}, input={"t": text})
    assert runs.until(execution, "succeeded")["output"] == {"t": text.replace("\u0000", "")}


def test_cancel_while_waiting_and_again(runs: Runs):
    execution = runs.start({"wait_for_input": {"info": {"q": "?"}}}, {"evaluate": {"x": 1}})
    runs.until(execution, "awaiting_input")
    body = {"status": "cancelled", "reason": "changed my mind"}
    for _ in range(2):
        shown = runs.api.call("PUT", f"/executions/{execution}", body)
        assert shown["status"] == "cancelled"
        assert shown["waits"] == []
    assert runs.types(execution) == ["init", "wait", "cancelled"]
    assert runs.transitions(execution)[-1]["metadata"] == {"reason": "changed my mind"}
    assert "sweep" not in execution_item(runs.stack, execution)
    with pytest.raises(Conflict, match="cancelled"):
        runs.stack.container.executions.resume(DEFAULT_TENANT, execution, {"a": 1})


def test_cancel_while_asleep_and_in_a_model_call(runs: Runs, provider: FakeProvider):
    asleep = runs.start({"sleep": {"minutes": 5}}, {"evaluate": {"x": 1}})
    hang = Hang()
    provider.script(hang)
    before = len(provider.requests)
    asking = runs.start({"prompt": "hello", "unwrap": True})
    wait_until(lambda: len(provider.requests) > before, "the model call")
    runs.until(asleep, "starting")
    for execution in (asleep, asking):
        assert runs.api.call("PUT", f"/executions/{execution}", {"status": "cancelled"})["status"] == "cancelled"
    hang.released.set()
    machine = runs.stack.container.launcher.run_of(execution_item(runs.stack, asking)).arn
    wait_until(lambda: runs.stack.container.machines.status(machine) == "ABORTED", "the machine's stop")
    assert runs.types(asking) == ["init", "cancelled"]
    assert runs.get(asking)["output"] == "Workflow Cancelled"


def test_a_finished_run_can_not_be_cancelled(runs: Runs):
    execution = runs.start({"evaluate": {"x": 1}})
    runs.until(execution, "succeeded")
    with pytest.raises(Conflict, match="succeeded"):
        runs.stack.container.executions.cancel(DEFAULT_TENANT, execution, None)
    assert runs.types(execution) == ["init", "finish"]


def test_the_model_is_tried_again_and_its_last_error_is_told(runs: Runs, provider: FakeProvider):
    provider.clear()
    provider.script(Failure(529), Failure(529), Failure(529), "after all")
    assert runs.until(runs.start({"prompt": "x", "unwrap": True}), "succeeded")["output"] == "after all"
    provider.script(Failure(400))
    message = failed(runs, {"prompt": "x", "unwrap": True})
    assert "planted-key" not in message
    assert len(provider.requests) == 5


def test_ten_threads_answer_one_wait_and_one_answer_counts(runs: Runs):
    execution = runs.start({"wait_for_input": {"info": {}}}, {"evaluate": {"got": "$ _.n"}})
    runs.until(execution, "awaiting_input")
    outcomes: list[int | None] = []

    def answer(n: int) -> None:
        try:
            runs.stack.container.executions.resume(DEFAULT_TENANT, execution, {"n": n})
            outcomes.append(n)
        except Conflict:
            outcomes.append(None)

    threads = [threading.Thread(target=answer, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [n for n in outcomes if n is not None]
    assert len(winners) == 1
    assert runs.until(execution, "succeeded")["output"] == {"got": winners[0]}
    assert runs.types(execution) == ["init", "wait", "step", "finish"]


def test_every_transition_can_be_got_by_its_id_and_pages_agree(runs: Runs):
    execution = runs.start(*({"evaluate": {"n": f"$ _.get('n', 0) + {i}"}} for i in range(12)))
    runs.until(execution, "succeeded")
    listed = runs.transitions(execution)
    assert normal(listed)[-1]["type"] == "finish"
    for shown in listed:
        assert runs.api.call("GET", f"/executions/{execution}/transitions/{shown['id']}") == shown
    path = f"/executions/{execution}/transitions?limit=5"
    pages = [runs.api.call("GET", f"{path}&offset={offset}")["items"] for offset in (0, 5, 10, 15)]
    assert [shown for page in pages for shown in page] == listed[::-1]
    scope = listed[0]["current"]["scope_id"]
    assert runs.api.call("GET", f"{path}&scope_id={scope}&direction=asc")["items"] == listed[:5]


BOMBS = [
    "9**9**9",
    "'a' * 10**9",
    "list(range(10**12))",
    "[a + b for a in range(10**5) for b in range(10**5)]",
    "re.search('(a+)+' * 500, 'a' * 10**5)",
    "f'{1:>999999999}'",
    "''.__class__.__mro__[1].__subclasses__()",
    "[x for x in ().__iter__.__self__.__class__.__bases__]",
]


def test_bombs_fail_their_own_run_and_harm_nothing_else(runs: Runs):
    bad = [{"main": [{"return": {"x": f"$ {bomb}"}}]} for bomb in BOMBS]
    healthy = [runs.start({"evaluate": {"n": i}}, {"evaluate": {"n": "$ _.n + 1"}}) for i in range(5)]
    for task in bad:
        message = refused_or_failed(runs, task)
        assert message
        assert len(message) < 1_000
    for i, execution in enumerate(healthy):
        assert runs.until(execution, "succeeded")["output"] == {"n": i + 1}


def refused_or_failed(runs: Runs, task: dict[str, Any]) -> str:
    """What the checker says of a task at once, or the run in the end."""
    response = runs.post_task(task)
    if response.status_code == 400:
        return response.json()["error"]["message"]
    execution = runs.api.call("POST", f"/tasks/{response.json()['id']}/executions", {"input": {}})["id"]
    return runs.until(execution, "failed")["error"]
