"""Least privilege: what the policies of the template may not become."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.intrinsics import Resolver, read_yaml
from local.template import TEMPLATE
from silvercup.adapters.embedders.titan import DIMENSIONS

PREFIX = "arn:aws:states:us-west-2:123456789012:"
MACHINES = {
    f"{PREFIX}{kind}:silvercup-local-{'?' * 32}{number}{run}"
    for kind, run in (("stateMachine", ""), ("execution", ":*"))
    for number in ("", "-?")
}


SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret"
SECRETS = {
    "ModelSecretArn": f"{SECRET}:model",
    "JwtSecretArn": f"{SECRET}:jwt",
    "EmbeddingSecretArn": f"{SECRET}:embedder",
}
NAME = "silvercup-10ca1000"
"""What the index of docs is called, and what names of its indexes start with."""
DOMAINS = f"arn:aws:es:us-west-2:123456789012:domain/*/{NAME}-*"
ENDPOINT = {"Index": "external", "IndexEndpoint": "https://abc.us-west-2.aoss.amazonaws.com"}
INDEXES: dict[str, dict[str, str]] = {
    "serverless": {},
    "domain": {"Index": "domain"},
    "external": ENDPOINT,
    "external-es": {**ENDPOINT, "IndexService": "es"},
    "external-aoss": {**ENDPOINT, "IndexService": "aoss"},
}
"""Parameters for each kind of OpenSearch."""
SEARCHES = {"StreamFunction", "PromptsFunction"}
ASKS = {"PromptsFunction", "StreamFunction"}
MODELS = {
    "arn:aws:bedrock:*::foundation-model/*",
    "arn:aws:bedrock:us-west-2:123456789012:inference-profile/*",
    "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/*",
}
"""A user names the model; a profile asks models of other regions."""
EMBEDS = {"ApiFunction", "StreamFunction", "PromptsFunction", "IndexerFunction"}
WRITES = {"IndexerFunction"}


def resolved(parameters: Mapping[str, str] | None = None) -> tuple[Resolver, dict[str, Any]]:
    """The resources that there are with these parameters."""
    template = read_yaml(TEMPLATE.read_text(encoding="utf-8"))
    resolver = Resolver(template, parameters or {})
    there = {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or resolver.resolve({"Condition": resource["Condition"]}, name)
    }
    return resolver, there


def statements(parameters: Mapping[str, str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each function and role may do: by its own policies, and by those that are attached to its role."""
    resolver, resources = resolved({**SECRETS, **(parameters or {})})
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        for policy in properties.get("Policies", []):
            document = policy.get("PolicyDocument", policy)
            document = resolver.resolve(document, name)
            yield from ((name, statement) for statement in document["Statement"])
        if resource["Type"] == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                document = resolver.resolve(properties["PolicyDocument"], name)
                yield from ((role["Ref"].removesuffix("Role"), statement) for statement in document["Statement"])


ALL = list(statements())
EVERY = [(f"{kind}-{name}", one) for kind, more in INDEXES.items() for name, one in statements(more)]


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(("name", "statement"), EVERY, ids=[f"{name}-{i}" for i, (name, _) in enumerate(EVERY)])
def test_no_policy_names_everything(name: str, statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    for action in listed(statement["Action"]):
        assert "*" not in action
    for resource in listed(statement["Resource"]):
        assert resource.startswith(("arn:", "silvercup-local-token"))
        if ":states:" in resource:
            assert resource in MACHINES
        elif ":es:" in resource:
            assert resource in {DOMAINS, f"{DOMAINS}/_mapping", f"{DOMAINS}/_search"}
        elif statement.get("Sid") == "Models":
            assert resource in MODELS
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
    assert {name for name, _ in ALL if "iam:PassRole" in allowed(name)} == {
        *("ApiFunction", "StreamFunction", "StepsFunction", "PromptsFunction", "LifecycleFunction")
    }
    for _, statement in ALL:
        if "iam:PassRole" in listed(statement["Action"]):
            assert statement["Resource"] == "arn:aws:iam::123456789012:role/silvercup-local-machine"
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}


def test_machines_call_functions_and_nothing_else() -> None:
    assert allowed("MachineRole") == {"lambda:InvokeFunction"}


@pytest.mark.parametrize("name", ["StreamFunction", "StepsFunction", "PromptsFunction"])
def test_what_runs_system_tools_may_do_what_the_api_does(name: str) -> None:
    may = [statement for owner, statement in ALL if owner == name]
    served = [statement for owner, statement in ALL if owner == "ApiFunction"]
    apart = {"JwtKey", "Embedder", "EmbeddingKey", "Secrets"}  # no system tool makes secrets
    requests = [one for one in served if one["Sid"] not in apart]
    assert all(statement in may for statement in requests)
    if name == "StreamFunction":
        assert all(statement in may for statement in served)


@pytest.mark.parametrize(("name", "by_itself"), [("StepsFunction", 5), ("PromptsFunction", 6)])
def test_what_runs_tool_steps_may_do_little_beside_that(name: str, by_itself: int) -> None:
    served = [statement for owner, statement in ALL if owner in {"ApiFunction", "StreamFunction"}]
    own = [statement for owner, statement in ALL if owner == name and statement not in served]
    assert len(own) <= by_itself
    actions = {action for statement in own for action in listed(statement["Action"])}
    assert not {action for action in actions if "Delete" in action or action.endswith((":Query", ":Scan"))}


def test_only_who_reads_secrets_may_open_them_and_only_in_the_name_of_a_tenant():
    may = {
        "ApiFunction": {"kms:GenerateDataKey", "kms:Decrypt"},
        "PromptsFunction": {"kms:Decrypt"},
        "StepsFunction": {"kms:Decrypt"},
    }
    may["StreamFunction"] = may["ApiFunction"]
    found = {name: statement for name, statement in ALL if any("kms:" in one for one in listed(statement["Action"]))}
    assert {name: set(statement["Action"]) for name, statement in found.items()} == may
    _, resources = resolved()
    key = resources["SecretsKey"]
    for statement in found.values():
        assert re.fullmatch(r"arn:aws:kms:us-west-2:123456789012:key/[0-9a-f-]{36}", statement["Resource"])
        assert statement["Condition"] == {"Null": {"kms:EncryptionContext:silvercup:tenant": "false"}}
    assert key["DeletionPolicy"] == key["UpdateReplacePolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True


SERVERLESS = {"IndexGroup", "IndexEncryption", "IndexNetwork", "IndexCollection", "IndexAccess", "UseCollection"}


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("serverless", SERVERLESS),
        ("domain", {"IndexDomain"}),
        ("external", set[str]()),
        ("external-es", {"WriteExternalDomain", "SearchExternalDomain"}),
        ("external-aoss", {"UseExternalCollection"}),
    ],
)
def test_each_index_has_its_own_resources_and_no_others(kind: str, parts: set[str]) -> None:
    _, with_it = resolved(INDEXES[kind])
    _, without = resolved(INDEXES["external"])
    assert set(with_it) - set(without) == parts
    for name in parts:
        assert with_it[name]["Type"] == "AWS::IAM::Policy" or name.startswith("Index")


def test_a_collection_scales_to_nothing_and_goes_with_the_stack() -> None:
    resolver, resources = resolved({"IndexMaxOcu": "8"})
    group, collection = resources["IndexGroup"], resources["IndexCollection"]
    settings = resolver.resolve(group["Properties"], "")
    assert settings["Generation"] == "NEXTGEN"
    limits = settings["CapacityLimits"]
    assert (limits["MinIndexingCapacityInOcu"], limits["MinSearchCapacityInOcu"]) == (0, 0)
    assert (limits["MaxIndexingCapacityInOcu"], limits["MaxSearchCapacityInOcu"]) == ("8", "8")
    made = resolver.resolve(collection["Properties"], "")
    assert made["Type"] == "VECTORSEARCH"
    assert made["CollectionGroupName"] == settings["Name"] == NAME
    assert settings["StandbyReplicas"] == made["StandbyReplicas"] == "ENABLED"
    assert set(collection["DependsOn"]) == {"IndexGroup", "IndexEncryption", "IndexNetwork"}
    for resource in (group, collection, resolved({"Index": "domain"})[1]["IndexDomain"]):
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Delete"


def test_the_names_of_an_index_fit_every_service() -> None:
    resolver, resources = resolved()
    names = {
        name: resolver.resolve(resource["Properties"]["Name"], name)
        for name, resource in resources.items()
        if "OpenSearchServerless" in resource["Type"]
    }
    resolver, resources = resolved({"Index": "domain"})
    names["IndexDomain"] = resolver.resolve(resources["IndexDomain"]["Properties"]["DomainName"], "")
    assert set(names.values()) == {NAME}
    assert len(names) == len(SERVERLESS)
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,27}", NAME)


def test_a_collection_is_encrypted_and_only_its_three_functions_get_in() -> None:
    resolver, resources = resolved()
    policies = {
        name: json.loads(resolver.resolve(resources[name]["Properties"]["Policy"], name))
        for name in ("IndexEncryption", "IndexNetwork", "IndexAccess")
    }
    here = [{"ResourceType": "collection", "Resource": [f"collection/{NAME}"]}]
    assert policies["IndexEncryption"] == {"Rules": here, "AWSOwnedKey": True}
    assert policies["IndexNetwork"] == [{"Rules": here, "AllowFromPublic": True}]
    searching = {"aoss:DescribeIndex", "aoss:ReadDocument"}
    changing = {"aoss:CreateIndex", "aoss:UpdateIndex", "aoss:DeleteIndex", "aoss:WriteDocument"}
    writes, searches = policies["IndexAccess"]
    assert writes["Principal"] == [role("IndexerFunction")]
    assert searches["Principal"] == [role("StreamFunction"), role("PromptsFunction")]
    for policy, permissions in ((writes, searching | changing), (searches, searching)):
        (rule,) = policy["Rules"]
        assert (rule["ResourceType"], rule["Resource"]) == ("index", [f"index/{NAME}/{NAME}-*"])
        assert set(rule["Permission"]) == permissions


def role(function: str) -> str:
    resolver, _ = resolved()
    return str(resolver.resolve({"Fn::GetAtt": [f"{function}Role", "Arn"]}, ""))


def test_a_domain_is_encrypted_and_only_its_three_functions_get_in() -> None:
    resolver, resources = resolved({"Index": "domain"})
    domain = resolver.resolve(resources["IndexDomain"]["Properties"], "")
    assert domain["EncryptionAtRestOptions"]["Enabled"]
    assert domain["NodeToNodeEncryptionOptions"]["Enabled"]
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"]
    assert domain["DomainEndpointOptions"]["TLSSecurityPolicy"].startswith("Policy-Min-TLS-1-2-")
    assert (domain["EBSOptions"]["VolumeType"], domain["EBSOptions"]["VolumeSize"]) == ("gp3", "10")
    assert (domain["ClusterConfig"]["InstanceType"], domain["ClusterConfig"]["InstanceCount"]) == ("t3.small.search", 1)
    searching = [role("StreamFunction"), role("PromptsFunction")]
    base = f"arn:aws:es:us-west-2:123456789012:domain/{NAME}/{NAME}-*"
    assert [
        (one["Principal"], set(one["Action"]), one["Resource"]) for one in domain["AccessPolicies"]["Statement"]
    ] == [
        ({"AWS": [role("IndexerFunction")]}, {f"es:ESHttp{verb}" for verb in ("Head", "Get", "Put", "Post", "Delete")}, base),
        ({"AWS": searching}, {"es:ESHttpGet"}, f"{base}/_mapping"),
        ({"AWS": searching}, {"es:ESHttpPost"}, f"{base}/_search"),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "id_"), [("serverless", "local"), ("external-aoss", "abc")])
def test_one_collection_is_reached_by_three_functions(kind: str, id_: str) -> None:
    found = [(name, one) for name, one in statements(INDEXES[kind]) if "aoss:APIAccessAll" in one["Action"]]
    assert {name for name, _ in found} == SEARCHES | WRITES
    assert {one["Resource"] for _, one in found} == {f"arn:aws:aoss:us-west-2:123456789012:collection/{id_}"}


def test_a_domain_of_others_is_written_by_the_indexer_only() -> None:
    for name, one in statements(INDEXES["external-es"]):
        if one["Resource"] == DOMAINS:
            assert name in WRITES
        elif ":es:" in str(one["Resource"]):
            assert name in SEARCHES
            assert one["Action"] == ["es:ESHttpPost" if one["Resource"].endswith("/_search") else "es:ESHttpGet"]
    for kind in ("domain", "external"):
        assert not [one for _, one in statements(INDEXES[kind]) if str(one["Action"]).count("'es:")]


@pytest.mark.parametrize(
    ("model", "named"), [("", "amazon.titan-embed-text-v2:0"), ("amazon.titan-embed-text-v3:0",) * 2]
)
def test_bedrock_is_asked_for_one_model(model: str, named: str) -> None:
    found = [
        (name, one)
        for name, one in statements({"EmbeddingModel": model})
        if one.get("Sid") != "Models" and any(action.startswith("bedrock:") for action in listed(one["Action"]))
    ]
    assert {name for name, _ in found} == EMBEDS
    for _, one in found:
        assert one["Action"] == ["bedrock:InvokeModel"]
        assert one["Resource"] == f"arn:aws:bedrock:us-west-2::foundation-model/{named}"
    assert not [one for _, one in statements({"Embedder": "openai", "Model": "offline"}) if "bedrock" in str(one)]


@pytest.mark.parametrize("model", ["auto", "anthropic", "bedrock", "openai", "offline"])
def test_who_asks_models_may_ask_bedrock_for_any_unless_there_is_none(model: str) -> None:
    found = [(name, one) for name, one in statements({"Model": model}) if one.get("Sid") == "Models"]
    assert {name for name, _ in found} == (set() if model == "offline" else ASKS)
    for _, one in found:
        actions = {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"}
        assert set(one["Action"]) == actions
        assert set(one["Resource"]) == MODELS


def test_the_key_of_the_models_provider_is_read_by_who_asks() -> None:
    readers = {name for name, one in ALL if one["Resource"] == SECRETS["ModelSecretArn"]}
    assert readers == ASKS
    assert not [one for _, one in statements({"ModelSecretArn": ""}) if one.get("Sid") == "ModelKey"]


def test_the_key_of_the_embedder_is_read_by_who_embeds() -> None:
    readers = {name for name, one in ALL if one["Resource"] == SECRETS["EmbeddingSecretArn"]}
    assert readers == EMBEDS
    assert not [one for _, one in statements({"EmbeddingSecretArn": ""}) if one.get("Sid") == "EmbeddingKey"]


def test_what_can_not_work_is_refused_before_anything_is_made() -> None:
    rules = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Rules"]
    asked = {
        name: (rule["RuleCondition"], [one["Assert"] for one in rule["Assertions"]]) for name, rule in rules.items()
    }
    assert asked == {
        "ExternalIndexIsSomewhere": (
            {"Fn::Equals": [{"Ref": "Index"}, "external"]},
            [{"Fn::Not": [{"Fn::Equals": [{"Ref": "IndexEndpoint"}, ""]}]}],
        ),
        "TitanHasThreeLengths": (
            {"Fn::Equals": [{"Ref": "Embedder"}, "bedrock"]},
            [{"Fn::Contains": [["0", *map(str, sorted(DIMENSIONS))], {"Ref": "EmbeddingDimensions"}]}],
        ),
    }


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
