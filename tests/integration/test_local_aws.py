"""The AWS of the local stack: its resources, its end, several clients at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.awslambda.models import LambdaFunction
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from local import moto_state
from local.aws import Aws
from local.pumps import Pumps
from local.template import load

CORE = "silvercup-local-core"
LIFECYCLE = "silvercup-local-lifecycle"
ROLE = "arn:aws:iam::123456789012:role/silvercup-local-machine"


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws(load()) as made:
        yield made


def start(aws: Aws, state: dict[str, Any], name: str = "e") -> str:
    states = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "only", "States": {"only": state}})
    machine = states.create_state_machine(name=f"m-{name}", definition=definition, roleArn=ROLE)["stateMachineArn"]
    return states.start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"]


def status_of(aws: Aws, arn: str) -> str:
    return aws.client("stepfunctions").describe_execution(executionArn=arn)["status"]


def tracked(model: Any) -> list[Any]:
    return model.instances_tracked


def until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_has_what_the_template_describes(aws: Aws) -> None:
    assert set(aws.client("dynamodb").list_tables()["TableNames"]) == {
        CORE,
        "silvercup-local-runs",
        "silvercup-local-docs",
    }
    found = aws.client("dynamodb").describe_table(TableName="silvercup-local-runs")["Table"]
    assert {index["IndexName"] for index in found["GlobalSecondaryIndexes"]} == {"by_run", "inbox", "sweep", "usage"}
    names = {function["FunctionName"] for function in aws.client("lambda").list_functions()["Functions"]}
    assert names == {function.name for function in load().functions.values()}
    assert "silvercup-local-data" in {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}


def test_many_clients_at_once_lose_no_update(aws: Aws) -> None:
    problems: list[Exception] = []

    def add() -> None:
        try:
            client = aws.client("dynamodb")
            for number in range(25):
                client.update_item(
                    TableName=CORE,
                    Key={"pk": {"S": "n"}},
                    UpdateExpression="ADD v :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )
                client.put_item(TableName=CORE, Item={"pk": {"S": f"{threading.get_ident()}-{number}"}})
                client.scan(TableName=CORE)
        except Exception as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert aws.client("dynamodb").get_item(TableName=CORE, Key={"pk": {"S": "n"}})["Item"]["v"]["N"] == "150"


def test_the_same_execution_name_starts_once_however_many_ask(aws: Aws) -> None:
    states = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "only", "States": {"only": {"Type": "Wait", "Seconds": 1, "End": True}}})
    machine = states.create_state_machine(name="once", definition=definition, roleArn=ROLE)["stateMachineArn"]
    threads = [
        threading.Thread(
            target=lambda: aws.client("stepfunctions").start_execution(stateMachineArn=machine, name="e", input="{}")
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_the_pump_passes_on_what_ended_badly_and_tries_again_when_the_function_fails(aws: Aws) -> None:
    events: list[dict[str, Any]] = []

    def lifecycle(event: dict[str, Any], _context: Any) -> None:
        events.append(event)
        if len(events) == 1:
            raise ConnectionError("later")

    aws.invoker.replace(LIFECYCLE, lifecycle)
    pumps = Pumps(aws.invoker, LIFECYCLE, sweep_seconds=60, poll_seconds=0.02, retry_seconds=0.02)
    pumps.start()
    try:
        start(aws, {"Type": "Pass", "End": True}, "good")
        arn = start(aws, {"Type": "Fail", "Error": "Silvercup.Failed", "Cause": "because"}, "bad")
        until(lambda: len(events) == 2)
        time.sleep(0.2)
    finally:
        pumps.stop()
    assert len(events) == 2
    event = events[1]
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert (event["source"], event["resources"], event["region"]) == ("aws.states", [arn], "us-west-2")
    detail = event["detail"]
    assert (detail["executionArn"], detail["name"], detail["status"]) == (arn, "bad", "FAILED")
    assert detail["stateMachineArn"].endswith(":stateMachine:m-bad")
    assert (detail["error"], detail["cause"]) == ("Silvercup.Failed", "because")
    assert detail["stopDate"] >= detail["startDate"] > 1_700_000_000_000


def test_the_pump_runs_the_sweeper_on_its_schedule(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    events: list[dict[str, Any]] = []
    tidied: list[bool] = []
    aws.invoker.replace(LIFECYCLE, lambda event, _context: events.append(event))
    pumps = Pumps(aws.invoker, LIFECYCLE, tidy=lambda: tidied.append(True), sweep_seconds=0.05, poll_seconds=60)
    pumps.start()
    until(lambda: len(events) >= 3)
    pumps.stop()
    assert {(event["source"], event["detail-type"]) for event in events} == {("aws.events", "Scheduled Event")}
    assert len(tidied) >= 3
    assert not caplog.records


def test_the_end_wakes_what_waits_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with Aws(load()) as aws:
        aws.invoker.replace("silvercup-local-steps", lambda _event, _context: {})
        function = {"FunctionName": "silvercup-local-steps", "Payload": {"token.$": "$$.Task.Token"}}
        waiting = start(
            aws,
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": function,
                "End": True,
            },
            "waiting",
        )
        sleeping = start(aws, {"Type": "Wait", "Seconds": 3600, "End": True}, "sleeping")
        time.sleep(0.3)
        assert status_of(aws, waiting) == status_of(aws, sleeping) == "RUNNING"
    until(
        lambda: (
            not [
                thread
                for thread in threading.enumerate()
                if thread not in before and thread.name.startswith(("aws-", "Thread-")) and thread.is_alive()
            ]
        ),
        5,
    )


def test_nothing_is_left_in_moto_and_its_functions_are_its_own_again() -> None:
    before = LambdaFunction._invoke_lambda, lambda_eval_utils._invoke_lambda_function
    with Aws(load()) as aws:
        assert (
            LambdaFunction._invoke_lambda.__module__
            == lambda_eval_utils._invoke_lambda_function.__module__
            == "local.seams"
        )
        aws.client("s3").put_object(Bucket="silvercup-local-data", Key="k", Body=b"x")
    assert (LambdaFunction._invoke_lambda, lambda_eval_utils._invoke_lambda_function) == before
    with Aws(load()) as aws:
        assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="silvercup-local-data")
        assert list(moto_state.executions()) == []


def test_tidying_forgets_what_was_overwritten_and_keeps_what_is_there(aws: Aws) -> None:
    from moto.s3.models import FakeKey

    others = list(tracked(FakeKey))
    s3 = aws.client("s3")
    for number in range(20):
        s3.put_object(Bucket="silvercup-local-data", Key="same", Body=str(number).encode())
    upload = s3.create_multipart_upload(Bucket="silvercup-local-data", Key="parts")["UploadId"]
    tag = s3.upload_part(Bucket="silvercup-local-data", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")[
        "ETag"
    ]
    aws.tidy()
    assert (
        len([key for key in tracked(FakeKey) if not any(key is other for other in others)]) == 2
    )  # the object and the part
    assert s3.get_object(Bucket="silvercup-local-data", Key="same")["Body"].read() == b"19"
    s3.complete_multipart_upload(
        Bucket="silvercup-local-data",
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": 1}]},
    )
    assert s3.get_object(Bucket="silvercup-local-data", Key="parts")["Body"].read() == b"part"


def test_an_unknown_service_or_operation_is_an_error_and_no_crash(aws: Aws) -> None:
    with pytest.raises(ClientError):
        aws.client("dynamodb").describe_table(TableName="none")
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
