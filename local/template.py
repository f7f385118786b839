"""What the local stack needs to know of ``template.yaml``, which is the only description of the stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.intrinsics import Resolver, TemplateError, read_yaml

TEMPLATE = Path(__file__).parent.parent / "template.yaml"

_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MB = 128


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table.

    Attributes:
        name: Its physical name.
        definition: The arguments of ``CreateTable`` without the name.
        key: The names of its key attributes, the partition key first.
        ttl: The attribute that holds when an item expires (seconds since 1970), or None.
    """

    name: str
    definition: Mapping[str, Any]
    key: tuple[str, ...]
    ttl: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function.

    Attributes:
        logical_id: Its name in the template.
        name: Its physical name.
        module: The module of its handler as seen from the root of the project (``functions.steps.handler``).
        attribute: The handler's name in that module.
        timeout: In seconds.
        memory: In MB.
        environment: Its environment variables, with local values.
    """

    logical_id: str
    name: str
    module: str
    attribute: str
    timeout: int
    memory: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secrets Manager secret that CloudFormation generates: a JSON object with one random value.

    Attributes:
        name: Its physical name.
        template: The JSON object without the random value.
        key: Where the random value goes.
        length: How many characters it has.
    """

    name: str
    template: str
    key: str
    length: int


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue.

    Attributes:
        name: Its physical name.
        attributes: Of ``CreateQueue``.
        function: The logical name of the function that takes its messages, or None.
    """

    name: str
    attributes: Mapping[str, str]
    function: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of the template that the local stack makes."""

    tables: tuple[Table, ...]
    buckets: tuple[str, ...]
    functions: Mapping[str, Function]
    secrets: tuple[Secret, ...]
    queues: tuple[Queue, ...] = ()


def load(path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None) -> Template:
    """Read a template.

    Args:
        path: The template.
        parameters: Values of its parameters; the others take their defaults.

    Raises:
        TemplateError: The template can't be read; the message says where and why.
    """
    if not path.is_file():
        raise TemplateError(f"there is no template at {path}; run from a checkout of the project")
    template = read_yaml(path.read_text(encoding="utf-8"))
    resolver = Resolver(template, parameters or {})
    shared: Mapping[str, Any] = template.get("Globals", {}).get("Function", {})
    tables: list[Table] = []
    buckets: list[str] = []
    functions: dict[str, Function] = {}
    secrets: list[Secret] = []
    queues: list[Queue] = []
    consumers = _consumers(template["Resources"])
    for logical_id, resource in template["Resources"].items():
        properties: Mapping[str, Any] = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                tables.append(_table(resolver.name_of(logical_id), resolver.resolve(properties, logical_id)))
            case "AWS::S3::Bucket":
                buckets.append(resolver.name_of(logical_id))
            case "AWS::SecretsManager::Secret":
                secrets.append(_secret(logical_id, resolver.name_of(logical_id), properties))
            case "AWS::SQS::Queue":
                name = resolver.name_of(logical_id)
                attributes = _queue_attributes(resolver.resolve(properties, logical_id))
                queues.append(Queue(name, attributes, consumers.get(logical_id)))
            case "AWS::Serverless::Function":
                functions[logical_id] = _function(logical_id, resolver, shared, properties)
            case _:
                pass
    return Template(tuple(tables), tuple(buckets), functions, tuple(secrets), tuple(queues))


def _table(name: str, properties: Mapping[str, Any]) -> Table:
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode")
    ordered = sorted(properties["KeySchema"], key=lambda part: part["KeyType"] != "HASH")
    ttl = properties.get("TimeToLiveSpecification", {})
    return Table(
        name=name,
        definition={part: properties[part] for part in taken if part in properties},
        key=tuple(part["AttributeName"] for part in ordered),
        ttl=ttl.get("AttributeName") if ttl.get("Enabled") else None,
    )


def _consumers(resources: Mapping[str, Any]) -> dict[str, str]:
    """Queues' logical names to those of the functions that take their messages."""
    found: dict[str, str] = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            properties: Mapping[str, Any] = resource["Properties"]
            found[properties["EventSourceArn"]["Fn::GetAtt"][0]] = properties["FunctionName"]["Ref"]
    return found


def _queue_attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    attributes = {name: str(properties[name]) for name in ("VisibilityTimeout",) if name in properties}
    if redrive := properties.get("RedrivePolicy"):
        attributes["RedrivePolicy"] = json.dumps(redrive)
    return attributes


def _secret(logical_id: str, name: str, properties: Mapping[str, Any]) -> Secret:
    generate = properties.get("GenerateSecretString")
    if not generate:
        raise TemplateError(f"{logical_id}: the local stack only makes secrets with GenerateSecretString")
    return Secret(
        name, generate["SecretStringTemplate"], generate["GenerateStringKey"], generate.get("PasswordLength", 32)
    )


def _function(
    logical_id: str, resolver: Resolver, shared: Mapping[str, Any], properties: Mapping[str, Any]
) -> Function:
    variables = {
        **shared.get("Environment", {}).get("Variables", {}),
        **properties.get("Environment", {}).get("Variables", {}),
    }
    environment = resolver.resolve(variables, f"{logical_id}.Environment.Variables")
    module, _, attribute = str(properties["Handler"]).rpartition(".")
    return Function(
        logical_id=logical_id,
        name=resolver.name_of(logical_id),
        module=".".join([*Path(properties["CodeUri"]).parts, module]),
        attribute=attribute,
        timeout=int(properties.get("Timeout", shared.get("Timeout", _DEFAULT_TIMEOUT_SECONDS))),
        memory=int(properties.get("MemorySize", shared.get("MemorySize", _DEFAULT_MEMORY_MB))),
        environment={name: str(value) for name, value in environment.items()},
    )
