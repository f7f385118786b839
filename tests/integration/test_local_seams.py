"""Our seams into moto, each against the original: the same history and the same errors, state for state."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws import Aws
from local.template import load
from silvercup.errors import ExpressionError

STEPS = "arn:aws:lambda:us-west-2:123456789012:function:silvercup-local-steps"
ROLE = "arn:aws:iam::123456789012:role/silvercup-local-machine"
INVOKE, WAIT = "arn:aws:states:::lambda:invoke", "arn:aws:states:::lambda:invoke.waitForTaskToken"

_numbers = itertools.count()


def handler(event: dict[str, Any], _context: Any) -> Any:
    match event.get("do"):
        case "fail":
            raise ExpressionError("é is not defined")
        case "fail once" if "r" not in event["run"]:
            raise ExpressionError("é is not defined")
        case "bug":
            raise ZeroDivisionError("by zero")
        case "unmarshallable":
            return {1, 2}
        case "text":
            return "just text"
        case "null":
            return None
        case "large":
            return "x" * 300_000
        case "huge":
            return "x" * 6_100_000
        case "slow":
            time.sleep(1.5)
            return {}
        case "wait":
            return {"waits": True}
        case _:
            return {"got": event}


def task(do: str, **extra: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": STEPS, "Payload": {"do": do, "at": "main/b3", "execution.$": "$.execution"}},
        "End": True,
    } | extra


def wait(**extra: Any) -> dict[str, Any]:
    return (
        task("wait")
        | {
            "Resource": WAIT,
            "Parameters": {"FunctionName": STEPS, "Payload": {"do": "wait", "token.$": "$$.Task.Token"}},
        }
        | extra
    )


CATCH = {"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "caught"}]}
MACHINES: dict[str, dict[str, Any]] = {
    "success": task("nothing"),
    "success, selected": task("nothing", ResultSelector={"at.$": "$.Payload.got.at"}, ResultPath="$.result"),
    "text result": task("text"),
    "null result": task("null"),
    "result over the limit of states": task("large"),
    "result over the limit of Lambda": task("huge"),
    "handler error": task("fail"),
    "handler error, caught": task("fail", **CATCH),
    "handler error, caught by name": task("fail", Catch=[{"ErrorEquals": ["ExpressionError"], "Next": "caught"}]),
    "handler error, retried": task(
        "bug", Retry=[{"ErrorEquals": ["ZeroDivisionError"], "MaxAttempts": 1, "IntervalSeconds": 1}], **CATCH
    ),
    "handler bug": task("bug"),
    "result that is no JSON": task("unmarshallable", **CATCH),
    "time-out of the state": task("slow", TimeoutSeconds=1),
    "time-out of the state, caught": task("slow", TimeoutSeconds=1, **CATCH),
    "no such function": task("nothing") | {"Parameters": {"FunctionName": f"{STEPS}-none", "Payload": {}}},
    "no such function, caught": task("nothing", **CATCH)
    | {"Parameters": {"FunctionName": f"{STEPS}-none", "Payload": {}}},
    "function by name": task("nothing")
    | {"Parameters": {"FunctionName": "silvercup-local-steps", "Payload": {"do": "nothing"}}},
    "no payload": task("nothing") | {"Parameters": {"FunctionName": STEPS}},
    "log type": task("nothing") | {"Parameters": {"FunctionName": STEPS, "LogType": "Tail", "Payload": {}}},
    "a wait that is answered": wait(),
    "a wait that fails": wait(**CATCH),
    "a wait that runs out": wait(TimeoutSeconds=1),
    "a wait that runs out, caught": wait(TimeoutSeconds=1, **CATCH),
    "a wait whose function fails": wait(**CATCH)
    | {"Parameters": {"FunctionName": STEPS, "Payload": {"do": "fail", "token.$": "$$.Task.Token"}}},
}


def run(aws: Aws, state: dict[str, Any], answer: str) -> dict[str, Any]:
    """Run a machine of one state; what DescribeExecution and GetExecutionHistory say, without times and ids."""
    states, number = aws.client("stepfunctions"), next(_numbers)
    definition = {"StartAt": "task", "States": {"task": state, "caught": {"Type": "Pass", "End": True}}}
    machine = states.create_state_machine(name=f"m{number}", definition=json.dumps(definition), roleArn=ROLE)[
        "stateMachineArn"
    ]
    arn = states.start_execution(stateMachineArn=machine, name="e", input='{"execution": "é"}')["executionArn"]
    deadline = time.monotonic() + 15
    answered = False
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        events = states.get_execution_history(executionArn=arn)["events"]
        if answer and not answered and any(event["type"] == "TaskSubmitted" for event in events):
            scheduled = next(event for event in events if event["type"] == "TaskScheduled")
            token = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
            if answer == "succeed":
                states.send_task_success(taskToken=token, output='{"answer": 42}')
            else:
                states.send_task_failure(taskToken=token, error="Silvercup.No", cause="no")
            answered = True
        time.sleep(0.01)
    events = states.get_execution_history(executionArn=arn)["events"]
    said = {name: found.get(name) for name in ("status", "output", "error", "cause")}
    return {
        "execution": said,
        "events": [{name: value for name, value in event.items() if name != "timestamp"} for event in events],
    }


VARIES = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"Request ID: \w+"), "Request ID: <id>"),
    (re.compile(r'(\\*)"token\1":\s*\1"[^"]*"'), '"token": "<token>"'),
    (re.compile(r'(\\*)"stackTrace\1":\s*\[.*?\]'), '"stackTrace": []'),
]


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(found, default=str, ensure_ascii=False)
    for pattern, replacement in VARIES:
        text = pattern.sub(lambda _, to=replacement: to, text)
    return {"text": text} if "<token>" in text or "stackTrace" in text else json.loads(text)


def answer_for(name: str) -> str:
    return {"a wait that is answered": "succeed", "a wait that fails": "fail"}.get(name, "")


@pytest.fixture(scope="module")
def originals() -> dict[str, Any]:
    """What moto's own code makes of every machine."""
    with Aws(load(), direct=False) as aws:
        aws.invoker.replace("silvercup-local-steps", handler)
        return {name: comparable(run(aws, state, answer_for(name))) for name, state in MACHINES.items()}


@pytest.fixture(scope="module")
def aws(originals: dict[str, Any]) -> Iterator[Aws]:
    assert originals
    with Aws(load(), direct=True) as made:
        made.invoker.replace("silvercup-local-steps", handler)
        yield made


@pytest.mark.parametrize("name", MACHINES)
def test_a_direct_call_gives_what_the_call_by_http_gives(
    name: str, aws: Aws, originals: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert comparable(run(aws, MACHINES[name], answer_for(name))) == originals[name]


def test_the_originals_are_what_their_names_say(originals: dict[str, Any]) -> None:
    text = {name: json.dumps(found) for name, found in originals.items()}
    assert '"status": "SUCCEEDED"' in text["success"].replace("\\", "")
    assert "ZeroDivisionError" in text["handler bug"]
    assert "States.Timeout" in text["time-out of the state"]
    assert "Lambda.ResourceNotFoundException" in text["no such function"]
    assert "DataLimitExceeded" in text["result over the limit of states"]
    assert "Silvercup.No" in text["a wait that fails"]


def test_a_state_that_catches_an_error_and_names_itself_is_entered_again(aws: Aws) -> None:
    again = {"ErrorEquals": ["ExpressionError"], "ResultPath": "$.r.more", "Next": "task"}
    others = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "caught"}
    payload = {"do": "fail once", "run.$": "$"}
    state = task("", Parameters={"FunctionName": STEPS, "Payload": payload}, Catch=[again, others])
    found = run(aws, state, "")
    entered = [event["type"] for event in found["events"] if event["type"] == "TaskStateEntered"]
    assert len(entered) == 2
    assert found["execution"]["status"] == "SUCCEEDED"
    more = json.loads(found["execution"]["output"])["Payload"]["got"]["run"]["r"]["more"]
    assert more["Error"] == "ExpressionError"
    assert json.loads(more["Cause"])["errorMessage"] == "é is not defined"


def test_the_invoke_api_runs_the_same_handler(aws: Aws) -> None:
    answer = aws.client("lambda").invoke(FunctionName="silvercup-local-steps", Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"got": {"a": 1}}
    failed = aws.client("lambda").invoke(FunctionName="silvercup-local-steps", Payload=b'{"do": "fail"}')
    assert failed["FunctionError"]
    assert json.loads(failed["Payload"].read())["errorType"] == "ExpressionError"
