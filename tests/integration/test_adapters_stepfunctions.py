"""State machines over a real client and moto's interpreter."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from botocore.session import get_session

from silvercup.adapters.aws import Clients, Refused
from silvercup.adapters.stepfunctions import StepFunctionsMachines
from silvercup.errors import InternalError
from silvercup.executions.machines import MachineMissing
from tests.support.moto_aws import ACCOUNT, REGION, ROLE, STEPS

PASS = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})


@pytest.fixture
def machines(aws: Clients) -> StepFunctionsMachines:
    return StepFunctionsMachines(aws.get("stepfunctions"), role_arn=ROLE, function_arn=STEPS)


@pytest.fixture
def name() -> str:
    return f"test-{uuid4()}"


@pytest.fixture
def queue(aws_url: str) -> Any:
    session: Any = get_session()
    return session.create_client(
        "sqs", region_name=REGION, endpoint_url=aws_url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def finished(aws: Clients, arn: str) -> dict[str, Any]:
    """The description of an execution once it has ended."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        answer = aws.get("stepfunctions").describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING":
            return dict(answer)
        time.sleep(0.02)
    pytest.fail(f"{arn} runs on")


def start_waiting(machines: StepFunctionsMachines, queue: Any, name: str) -> tuple[str, str]:
    """Start an execution that waits; returns its ARN and the token."""
    url = queue.create_queue(QueueName=name)["QueueUrl"]
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    machine = machines.create(name, json.dumps({"StartAt": "Wait", "States": {"Wait": state}}))
    arn = machines.start(machine, name, {})
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for message in queue.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages", []):
            return arn, json.loads(message["Body"])["token"]
        time.sleep(0.02)
    pytest.fail("no token came")


def test_a_machine_has_the_arn_that_was_foretold(machines: StepFunctionsMachines, name: str):
    assert machines.create(name, PASS) == machines.arn_of(name)
    assert machines.arn_of(name) == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def test_making_a_machine_again_changes_nothing(machines: StepFunctionsMachines, name: str):
    assert machines.create(name, PASS) == machines.create(name, PASS)


def test_an_arn_without_a_function_says_which_setting_is_missing(aws: Clients):
    machines = StepFunctionsMachines(aws.get("stepfunctions"), role_arn=ROLE, function_arn="")
    with pytest.raises(InternalError, match="SILVERCUP_STEPS_ARN is ''"):
        machines.arn_of("x")


def test_an_execution_gets_its_pointer(aws: Clients, machines: StepFunctionsMachines, name: str):
    arn = machines.start(machines.create(name, PASS), "run-1", {"execution": "e", "n": 1})
    answer = finished(aws, arn)
    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"]) == {"execution": "e", "n": 1}
    assert machines.status(arn) == "SUCCEEDED"
    assert machines.status(f"{arn}-never-was") is None


def test_a_name_is_started_once(aws: Clients, machines: StepFunctionsMachines, name: str):
    machine = machines.create(name, PASS)
    arn = machines.start(machine, "run-1", {"n": 1})
    finished(aws, arn)
    assert machines.start(machine, "run-1", {"n": 1}) == arn
    assert machines.start(machine, "run-1", {"n": 2}) == arn
    assert len(aws.get("stepfunctions").list_executions(stateMachineArn=machine)["executions"]) == 1


def test_a_machine_that_is_not_there_is_missing(machines: StepFunctionsMachines, name: str):
    with pytest.raises(MachineMissing, match=name):
        machines.start(machines.arn_of(name), "run-1", {})


def test_a_waiting_state_is_answered_once(aws: Clients, machines: StepFunctionsMachines, queue: Any, name: str):
    arn, token = start_waiting(machines, queue, name)
    assert machines.succeed(token, {"said": "yes"})
    answer = finished(aws, arn)
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"said": "yes"})
    assert not machines.succeed(token, {"said": "no"})


def test_a_waiting_state_can_be_failed_with_overlong_words(
    aws: Clients, machines: StepFunctionsMachines, queue: Any, name: str
):
    arn, token = start_waiting(machines, queue, name)
    assert machines.fail(token, "E" * 300, "c" * 40_000)
    assert finished(aws, arn)["status"] == "FAILED"


def test_an_execution_is_stopped_and_stopping_again_is_nothing(
    aws: Clients, machines: StepFunctionsMachines, name: str
):
    state = {"Type": "Wait", "Seconds": 1, "Next": "Last"}
    states = {"Wait": state, "Last": {"Type": "Pass", "End": True}}
    arn = machines.start(machines.create(name, json.dumps({"StartAt": "Wait", "States": states})), name, {})
    machines.stop(arn, "no longer wanted" * 3000)
    assert finished(aws, arn)["status"] == "ABORTED"
    machines.stop(arn, "again")
    machines.stop(f"{arn}-never-was", "never was")


def test_a_token_that_is_none_is_not_good(machines: StepFunctionsMachines):
    assert not machines.succeed("nonsense", {})


def test_a_role_that_is_none_is_refused(aws: Clients):
    machines = StepFunctionsMachines(aws.get("stepfunctions"), role_arn="no-arn", function_arn=STEPS)
    with pytest.raises(Refused, match="stepfunctions:create_state_machine failed with InvalidArn"):
        machines.create("x", PASS)


def test_machines_carry_the_name_of_their_deployment(aws: Clients, name: str):
    machines = StepFunctionsMachines(aws.get("stepfunctions"), role_arn=ROLE, function_arn=STEPS, stack="mine")
    arn = machines.create(name, PASS)
    assert machines.create(name, PASS) == arn
    tags = aws.get("stepfunctions").list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"key": "silvercup:stack", "value": "mine"}]
