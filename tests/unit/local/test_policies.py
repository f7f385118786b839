"""Least privilege: what the policies of the template may not become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.intrinsics import Resolver, read_yaml
from local.template import TEMPLATE

PREFIX = "arn:aws:states:us-west-2:123456789012:"
MACHINES = {
    f"{PREFIX}{kind}:silvercup-local-{'?' * 32}{number}{run}"
    for kind, run in (("stateMachine", ""), ("execution", ":*"))
    for number in ("", "-?")
}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    template = read_yaml(TEMPLATE.read_text(encoding="utf-8"))
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret"
    resolver = Resolver(template, {"ModelSecretArn": f"{secret}:model", "JwtSecretArn": f"{secret}:jwt"})
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for policy in properties.get("Policies", []):
            document = policy.get("PolicyDocument", policy)
            document = resolver.resolve(document, name)
            yield from ((name, statement) for statement in document["Statement"])


ALL = list(statements())


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(("name", "statement"), ALL, ids=[f"{name}-{index}" for index, (name, _) in enumerate(ALL)])
def test_no_policy_names_everything(name: str, statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    for action in listed(statement["Action"]):
        assert "*" not in action
    for resource in listed(statement["Resource"]):
        assert resource.startswith(("arn:", "silvercup-local-token"))
        if ":states:" in resource:
            assert resource in MACHINES
        elif "*" in resource:
            assert resource.endswith(("/index/*", "silvercup-local-data/*"))


def test_the_machines_of_policies_are_those_of_this_stack_and_no_other() -> None:
    digest = "0123456789abcdef" * 2
    ours = [name for name in MACHINES if ":stateMachine:" in name]
    for name in (digest, f"{digest}-1", f"{digest}-9"):
        assert any(fnmatchcase(f"{PREFIX}stateMachine:silvercup-local-{name}", resource) for resource in ours)
    for name in (f"2-{digest}", f"2-{digest}-1", f"b-{digest}", "mine", f"{digest}-copy"):
        assert not any(fnmatchcase(f"{PREFIX}stateMachine:silvercup-local-{name}", resource) for resource in ours)


def test_no_function_has_an_event_for_which_sam_adds_a_policy_over_everything() -> None:
    resources = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    types = {
        event["Type"] for one in resources.values() for event in one.get("Properties", {}).get("Events", {}).values()
    }
    assert types == {"Api", "Schedule", "EventBridgeRule"}


def test_every_function_has_policies_logs_and_a_time_out() -> None:
    resources = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    functions = {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    names = ("Api", "Stream", "Steps", "Prompts", "Lifecycle", "Indexer")
    assert set(functions) == {f"{name}Function" for name in names}
    for name, properties in functions.items():
        assert name in {owner for owner, _ in ALL}
        logs = resources[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert logs["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}


def allowed(name: str) -> set[str]:
    return {action for owner, statement in ALL if owner == name for action in listed(statement["Action"])}


def test_only_who_makes_machines_hands_on_their_role() -> None:
    assert {name for name, _ in ALL if "iam:PassRole" in allowed(name)} == {"ApiFunction", "LifecycleFunction"}
    for _, statement in ALL:
        if "iam:PassRole" in listed(statement["Action"]):
            assert statement["Resource"] == "arn:aws:iam::123456789012:role/silvercup-local-machine"
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}


def test_what_state_machines_call_makes_no_machines_and_deletes_nothing() -> None:
    tells = {"states:SendTaskSuccess", "states:SendTaskFailure", "states:StopExecution"}
    children = {"states:StartExecution", "states:DescribeExecution"}
    for name, may in (("StepsFunction", tells | children), ("PromptsFunction", tells)):
        assert {action for action in allowed(name) if action.startswith("states:")} == may
        assert not {action for action in allowed(name) if "Delete" in action or action.endswith((":Query", ":Scan"))}
    assert allowed("MachineRole") == {"lambda:InvokeFunction"}
    writes = [
        statement
        for name, statement in ALL
        if name == "StreamFunction"
        and any(word in action for action in listed(statement["Action"]) for word in ("Put", "Update", "Delete"))
    ]
    assert [(one["Sid"], one["Action"]) for one in writes] == [
        ("LastUseOfKeys", ["dynamodb:UpdateItem"]),
        ("Docs", ["dynamodb:PutItem", "dynamodb:UpdateItem"]),
        ("NamesOfDocs", ["dynamodb:PutItem", "dynamodb:DeleteItem"]),
        ("Bodies", ["s3:GetObject", "s3:PutObject"]),
    ]
    assert writes[0]["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "used_at"]}}


def test_data_outlive_the_stack_and_are_encrypted() -> None:
    resources = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    for name in ("CoreTable", "RunsTable", "DocsTable", "DataBucket"):
        assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"
    for name in ("CoreTable", "RunsTable", "DocsTable"):
        properties = resources[name]["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["SSESpecification"]["SSEEnabled"]
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_the_layer_is_built_for_what_functions_run_on_unless_told_otherwise():
    template = read_yaml(TEMPLATE.read_text(encoding="utf-8"))
    built = template["Resources"]["CoreLayer"]["Metadata"]
    assert built["BuildMethod"] == template["Parameters"]["Runtime"]["Default"]
    assert built["BuildArchitecture"] == template["Parameters"]["Architecture"]["Default"]


def test_the_stage_is_called_api_throttled_and_logs_no_secrets():
    properties = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["RestApi"]["Properties"]
    assert properties["StageName"] == "api"
    assert properties["EndpointConfiguration"] == {"Type": "REGIONAL"}
    (settings,) = properties["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "RateLimit"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "BurstLimit"}
    assert settings["LoggingLevel"] == "OFF"
    assert settings["DataTraceEnabled"] is False
    line = json.loads(properties["AccessLogSetting"]["Fn::If"][1]["Format"])
    assert set(line.values()) == {
        f"$context.{name}"
        for name in (
            *("requestTime", "requestId", "httpMethod", "resourcePath", "status", "responseLength"),
            *("responseLatency", "error.responseType"),
        )
    }


def test_answers_of_the_gateway_have_the_shape_of_the_api():
    properties = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["RestApi"]["Properties"]
    for answer in properties["GatewayResponses"].values():
        text = answer["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"m"')
        assert set(json.loads(text)["error"]) == {"message", "code", "type"}
        assert answer["ResponseParameters"]["Headers"]["Access-Control-Allow-Origin"] == "'*'"


def test_logs_are_kept_as_long_as_the_parameter_says_and_queues_are_encrypted():
    resources = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert properties["RetentionInDays"] == {"Ref": "LogDays"}
            assert resource["DeletionPolicy"] == "Delete"
        if resource["Type"] == "AWS::SQS::Queue":
            assert properties["SqsManagedSseEnabled"] is True


def test_every_alarm_can_be_switched_off_and_told_to_someone():
    resources = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    alarms = {name: alarm for name, alarm in resources.items() if alarm["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) <= 10
    for alarm in alarms.values():
        assert alarm["Condition"] == "HasAlarms"
        assert alarm["Properties"]["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic"
    dead = {
        name for name, found in resources.items() if found["Type"] == "AWS::SQS::Queue" and name.endswith("Failures")
    }
    watched = str([alarm["Properties"].get("Dimensions") for alarm in alarms.values()])
    assert all(name in watched for name in dead)
