from __future__ import annotations

import json
from typing import Any

import pytest

from local.invoke import Context, Invoker
from local.template import load
from silvercup.errors import ExpressionError

STEPS = "silvercup-local-steps"


def invoker(handler: Any) -> Invoker:
    made = Invoker(load().functions)
    made.replace(STEPS, handler)
    return made


def test_the_handler_gets_the_event_and_a_context_like_lambdas() -> None:
    seen: list[Any] = []

    def handler(event: Any, context: Context) -> dict[str, Any]:
        seen.append((event, context, context.get_remaining_time_in_millis()))
        return {"é": event}

    outcome = invoker(handler).invoke(STEPS, {"a": [1]})
    assert not outcome.errored
    assert json.loads(outcome.payload) == {"é": {"a": [1]}}
    event, context, left = seen[0]
    assert event == {"a": [1]}
    assert (context.function_name, context.memory_limit_in_mb) == (STEPS, "512")
    assert context.invoked_function_arn == f"arn:aws:lambda:us-west-2:123456789012:function:{STEPS}"
    assert len(context.aws_request_id) == 36
    assert 899_000 < left <= 900_000


def test_an_expected_failure_is_the_error_payload_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise ExpressionError("x is not defined")

    outcome = invoker(handler).invoke(STEPS, {})
    payload = json.loads(outcome.payload)
    assert outcome.errored
    assert (payload["errorType"], payload["errorMessage"]) == ("ExpressionError", "x is not defined")
    assert set(payload) == {"errorMessage", "errorType", "requestId", "stackTrace"}
    assert "in handler" in payload["stackTrace"][0]
    assert not caplog.records


def test_a_bug_is_the_error_payload_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise KeyError("gone")

    payload = json.loads(invoker(handler).invoke(STEPS, {}).payload)
    assert (payload["errorType"], payload["errorMessage"]) == ("KeyError", "'gone'")
    assert f"{STEPS} failed" in caplog.text


def test_a_result_that_is_no_json_is_lambdas_marshal_error() -> None:
    outcome = invoker(lambda _event, _context: {1, 2}).invoke(STEPS, {})
    assert outcome.errored
    assert json.loads(outcome.payload)["errorType"] == "Runtime.MarshalError"


def test_nothing_starts_while_the_stack_stops() -> None:
    made = invoker(lambda _event, _context: pytest.fail("it ran"))
    made.stopped = True
    assert json.loads(made.invoke(STEPS, {}).payload)["errorType"] == "Sandbox.Stopped"
