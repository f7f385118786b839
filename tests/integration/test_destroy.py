"""``silvercup destroy`` against moto: what goes, what stays, and that nothing of another stack is touched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.session import get_session

from local.cli import main
from local.destroy import Destroyer, NotDestroyed
from tests.support.moto_aws import ACCOUNT, REGION, ROLE

WAITS = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}})
PASS = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})


def table(policy: str = "Retain") -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": policy,
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        },
    }


TABLES = ("CoreTable", "RunsTable", "DocsTable")
TEMPLATE = {
    "Resources": {
        "CoreTable": table(),
        "RunsTable": table(),
        "DocsTable": table(),
        "DataBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "SecretsKey": {
            "Type": "AWS::KMS::Key",
            "DeletionPolicy": "Retain",
            "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
        },
        "StepsLogs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${AWS::StackName}-steps"}},
        },
        "MachineRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        },
    },
}


class Account:
    """Clients of the moto server; counts what is sent, and refuses some of it as AWS does when it is too much."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[str, Any] = {}
        self.sent: Counter[str] = Counter()
        self.refuse_every = 0
        self.lines: list[str] = []
        self.slept: list[float] = []

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> Any:
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
        client: Any = get_session().create_client(
            service,
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )
        client.meta.events.register("before-send", self._before)
        return client

    def _before(self, request: Any, **_: Any) -> AWSResponse | None:
        operation = request.headers.get("X-Amz-Target", b"")
        operation = operation.decode() if isinstance(operation, bytes) else operation
        self.sent[operation.rpartition(".")[2]] += 1
        if (
            self.refuse_every
            and operation.startswith("AWSStepFunctions")
            and self.sent.total() % self.refuse_every == 0
        ):
            return Refusal(request.url)
        return None

    def destroyer(self) -> Destroyer:
        return Destroyer(self.client, say=self.lines.append, sleep=self.slept.append)

    def machines(self) -> set[str]:
        pages = self.client("stepfunctions").get_paginator("list_state_machines").paginate()
        return {machine["name"] for page in pages for machine in page["stateMachines"]}


class Refusal(AWSResponse):
    def __init__(self, url: str) -> None:
        super().__init__(url, 400, cast("Any", HeadersDict({"x-amzn-requestid": "1"})), None)

    @property
    def content(self) -> bytes:
        return json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()


@pytest.fixture
def account(aws_url: str) -> Account:
    return Account(aws_url)


@pytest.fixture
def deploy(account: Account) -> Callable[[str], str]:
    def make(name: str, template: Any = TEMPLATE) -> str:
        account.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
        return name

    return make


@pytest.fixture
def stack(deploy: Callable[[str], str]) -> str:
    return deploy(f"s{uuid4().hex[:8]}")


def make_machine(account: Account, name: str, definition: str = PASS) -> str:
    answer = account.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=ROLE)
    return answer["stateMachineArn"]


def resources(account: Account, stack: str) -> dict[str, str]:
    found = account.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {part["LogicalResourceId"]: part["PhysicalResourceId"] for part in found}


def digest() -> str:
    return uuid4().hex


def test_what_was_made_at_run_time_goes_and_what_is_anothers_stays(account: Account, stack: str):
    foreign = {
        *(f"{stack}-2-{digest()}", f"{stack}2-{digest()}", f"x{stack}-{digest()}", f"{stack}-mine", f"{stack}-{digest()[:31]}"),
        *(stack, f"{stack.upper()}-{digest()}", f"{stack}-{digest()}-copy"),
    }  # fmt: skip
    ours = {f"{stack}-{digest()}" for _ in range(5)} | {f"{stack}-{digest()}-1"}
    for name in foreign | ours:
        make_machine(account, name)
    states = account.client("stepfunctions")
    running = make_machine(account, f"{stack}-{digest()}", WAITS)
    other = make_machine(account, f"{stack}-3-{digest()}", WAITS)
    runs = [states.start_execution(stateMachineArn=running, name=f"r{n}")["executionArn"] for n in range(3)]
    untouched = states.start_execution(stateMachineArn=other, name="r")["executionArn"]
    parts = resources(account, stack)

    account.sent.clear()
    account.destroyer().destroy(stack)

    assert {name for name in account.machines() if stack in name.lower()} == foreign | {other.rpartition(":")[2]}
    assert account.sent["StopExecution"] == len(runs)
    assert states.describe_execution(executionArn=untouched)["status"] == "RUNNING"
    states.stop_execution(executionArn=untouched)
    assert set(account.client("dynamodb").list_tables()["TableNames"]) >= {parts[name] for name in TABLES}
    assert account.client("s3").head_bucket(Bucket=parts["DataBucket"])
    assert f"kept: {', '.join(parts[name] for name in (*TABLES, 'DataBucket', 'SecretsKey'))}" in "\n".join(
        account.lines
    )
    with pytest.raises(account.client("cloudformation").exceptions.ClientError, match="does not exist"):
        account.client("cloudformation").describe_stacks(StackName=stack)


def test_data_go_when_told_also_after_the_stack_went(account: Account, stack: str):
    parts = resources(account, stack)
    store = account.client("s3")
    store.put_bucket_versioning(Bucket=parts["DataBucket"], VersioningConfiguration={"Status": "Enabled"})
    for number in range(12):
        store.put_object(Bucket=parts["DataBucket"], Key=f"t/{number % 10}", Body=b"x")
    store.delete_object(Bucket=parts["DataBucket"], Key="t/3")
    account.destroyer().destroy(stack)
    account.destroyer().destroy(stack, data=True)
    assert not {parts[name] for name in TABLES} & set(account.client("dynamodb").list_tables()["TableNames"])
    assert parts["DataBucket"] not in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
    assert account.sent["ScheduleKeyDeletion"] == 1
    assert f"the key {parts['SecretsKey']} is deleted in 7 days" in "\n".join(account.lines)
    account.lines.clear()
    account.destroyer().destroy(stack, data=True)
    assert f"the bucket {parts['DataBucket']} is gone already" in account.lines


def test_a_log_group_that_was_made_again_goes(account: Account, stack: str):
    logs, name = account.client("logs"), resources(account, stack)["StepsLogs"]

    class Late:
        """A function that writes a last line after its log group went."""

        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def delete_stack(self, **arguments: Any) -> None:
            self._client.delete_stack(**arguments)
            logs.create_log_group(logGroupName=name)
            logs.create_log_group(logGroupName=f"{name}-2")

    def client(service: str) -> Any:
        made = account.client(service)
        return Late(made) if service == "cloudformation" else made

    Destroyer(client, say=account.lines.append, sleep=account.slept.append).destroy(stack)
    left = {group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]}
    assert left == {f"{name}-2"}


def test_hundreds_of_machines_go_though_aws_throttles(account: Account, stack: str):
    for _ in range(205):
        make_machine(account, f"{stack}-{digest()}")
    account.refuse_every = 3
    account.destroyer().destroy(stack)
    account.refuse_every = 0
    assert not [name for name in account.machines() if name.startswith(f"{stack}-")]
    assert account.slept.count(1.0) > 100
    assert "deleted 200 of 205 state machines, stopped 0 executions" in account.lines


def test_nothing_changes_unless_it_is_confirmed(account: Account, stack: str):
    machine = make_machine(account, f"{stack}-{digest()}")
    with pytest.raises(NotDestroyed, match="nothing was changed"):
        account.destroyer().destroy(stack, confirm=lambda _: False)
    assert machine.rpartition(":")[2] in account.machines()
    assert account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]


def test_only_stacks_of_silvercup_are_destroyed(account: Account, deploy: Callable[..., str]):
    with pytest.raises(NotDestroyed, match="there is no stack 'nothing-here' in us-east-1"):
        account.destroyer().destroy("nothing-here")
    name = deploy(f"o{uuid4().hex[:8]}", {"Resources": {"CoreTable": table("Delete")}})
    with pytest.raises(
        NotDestroyed, match="no stack of Silvercup: it lacks DataBucket, DocsTable, MachineRole, RunsTable"
    ):
        account.destroyer().destroy(name)
    assert account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]


def test_a_stack_that_cloudformation_does_not_delete_is_told(account: Account, stack: str):
    class Failing:
        def __init__(self, client: Any) -> None:
            self._client = client
            self.meta = client.meta
            self.get_paginator = client.get_paginator

        def delete_stack(self, **_: Any) -> None: ...

        def describe_stacks(self, **arguments: Any) -> Any:
            answer = self._client.describe_stacks(**arguments)
            if arguments["StackName"].startswith(f"arn:aws:cloudformation:{REGION}:{ACCOUNT}"):
                answer["Stacks"][0] |= {"StackStatus": "DELETE_FAILED", "StackStatusReason": "a policy forbids it"}
            return answer

    def client(service: str) -> Any:
        made = account.client(service)
        return Failing(made) if service == "cloudformation" else made

    with pytest.raises(NotDestroyed, match=f"did not delete {stack}: a policy forbids it"):
        Destroyer(client, say=account.lines.append, sleep=account.slept.append).destroy(stack)


def test_the_command(account: Account, stack: str, aws_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["destroy", "--stack", stack]) == 1
    assert "add --yes" in capsys.readouterr().err
    assert main(["destroy", "--stack", stack, "--yes"]) == 0
    assert f"{stack} is destroyed" in capsys.readouterr().out
    assert main(["destroy", "--stack", "nothing-here", "--yes"]) == 1
    assert "there is no stack" in capsys.readouterr().err
