"""What the local stack needs to know of ``template.yaml``, which is the only description of the stack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.intrinsics import Resolver, TemplateError, read_yaml

TEMPLATE = Path(__file__).parent.parent / "template.yaml"

_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MB = 128
_DEFAULT_BATCH = 100


@dataclass(frozen=True, slots=True)
class Stream:
    """What an event source mapping takes from a table's stream.

    Attributes:
        function: The logical name of the function.
        needs: An attribute that an item's new image must have to pass the filter; empty: every change passes.
        batch: Records of one invocation.
        failures: The name of the queue that is told of records that could not be worked off, or None.
    """

    function: str
    needs: str
    batch: int
    failures: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table.

    Attributes:
        name: Its physical name.
        definition: The arguments of ``CreateTable`` without the name.
        key: The names of its key attributes, the partition key first.
        ttl: The attribute that holds when an item expires (seconds since 1970), or None.
        stream: What takes its changes, or None.
    """

    name: str
    definition: Mapping[str, Any]
    key: tuple[str, ...]
    ttl: str | None
    stream: Stream | None = None


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
    """The parts of the template that the local stack makes; ``keys`` are the ids of KMS keys."""

    tables: tuple[Table, ...]
    buckets: tuple[str, ...]
    functions: Mapping[str, Function]
    secrets: tuple[Secret, ...]
    keys: tuple[str, ...] = ()
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
    keys: list[str] = []
    queues: list[Queue] = []
    consumers = _consumers(template["Resources"])
    streams = _streams(template["Resources"], resolver)
    for logical_id, resource in template["Resources"].items():
        properties: Mapping[str, Any] = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                definition = resolver.resolve(properties, logical_id)
                tables.append(_table(resolver.name_of(logical_id), definition, streams.get(logical_id)))
            case "AWS::S3::Bucket":
                buckets.append(resolver.name_of(logical_id))
            case "AWS::SecretsManager::Secret":
                secrets.append(_secret(logical_id, resolver.name_of(logical_id), properties))
            case "AWS::KMS::Key":
                keys.append(resolver.name_of(logical_id))
            case "AWS::SQS::Queue":
                name = resolver.name_of(logical_id)
                attributes = _queue_attributes(resolver.resolve(properties, logical_id))
                queues.append(Queue(name, attributes, consumers.get(logical_id)))
            case "AWS::Serverless::Function":
                functions[logical_id] = _function(logical_id, resolver, shared, properties)
            case _:
                pass
    return Template(tuple(tables), tuple(buckets), functions, tuple(secrets), tuple(keys), tuple(queues))


def _table(name: str, properties: Mapping[str, Any], stream: Stream | None) -> Table:
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode")
    ordered = sorted(properties["KeySchema"], key=lambda part: part["KeyType"] != "HASH")
    ttl = properties.get("TimeToLiveSpecification", {})
    return Table(
        name=name,
        definition={part: properties[part] for part in taken if part in properties},
        key=tuple(part["AttributeName"] for part in ordered),
        ttl=ttl.get("AttributeName") if ttl.get("Enabled") else None,
        stream=stream,
    )


def _consumers(resources: Mapping[str, Any]) -> dict[str, str]:
    """Queues' logical names to those of the functions that take their messages."""
    return {
        source: properties["FunctionName"]["Ref"]
        for (source, attribute), properties in _mappings(resources)
        if attribute == "Arn"
    }


def _streams(resources: Mapping[str, Any], resolver: Resolver) -> dict[str, Stream]:
    """Tables' logical names to what takes their changes."""
    found: dict[str, Stream] = {}
    for (source, attribute), properties in _mappings(resources):
        if attribute != "StreamArn":
            continue
        failures = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        found[source] = Stream(
            function=properties["FunctionName"]["Ref"],
            needs=_needed(source, properties.get("FilterCriteria", {}).get("Filters", [])),
            batch=int(properties.get("BatchSize", _DEFAULT_BATCH)),
            failures=resolver.name_of(failures["Fn::GetAtt"][0]) if failures else None,
        )
    return found


def _mappings(resources: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """What each event source mapping takes from, as (logical name, attribute), and its properties."""
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            properties: Mapping[str, Any] = resource["Properties"]
            source, attribute = properties["EventSourceArn"]["Fn::GetAtt"]
            yield (source, attribute), properties


def _needed(source: str, filters: Sequence[Mapping[str, Any]]) -> str:
    """The attribute that a stream's filter asks for."""
    if not filters:
        return ""
    match json.loads(filters[0]["Pattern"]):
        case {"dynamodb": {"NewImage": {**image}}} if len(filters) == len(image) == 1:
            ((name, wanted),) = image.items()
            if list(wanted.values()) == [[{"exists": True}]]:
                return name
        case _:
            pass
    raise TemplateError(f"{source}: the local stack only knows a stream's filter that asks for one attribute")


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
