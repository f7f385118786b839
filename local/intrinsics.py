"""CloudFormation's YAML tags, and what their functions give on the local stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import yaml

from local import names

type Resource = Mapping[str, Any]

NO_VALUE = object()

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(Exception):
    """The template says something that the local stack can't read; the message says where."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, read as their long forms."""


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct)  # pyright: ignore[reportUnknownMemberType]


def read_yaml(text: str) -> dict[str, Any]:
    """A CloudFormation template as plain data, tags as ``{"Fn::...": ...}``."""
    return cast("dict[str, Any]", yaml.load(text, Loader=_Loader))  # noqa: S506  # a SafeLoader with CloudFormation's tags


class Resolver:
    """Gives the functions of a template their local values.

    Attributes:
        parameters: The template's parameters, defaults filled in.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared: Mapping[str, Mapping[str, Any]] = template.get("Parameters", {})
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise TemplateError(f"the template has no parameter {unknown[0]!r}; it has {', '.join(sorted(declared))}")
        self.parameters = {name: str(parameters.get(name, spec.get("Default", ""))) for name, spec in declared.items()}
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._resources: Mapping[str, Resource] = template["Resources"]
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Equals": self._equals,
            "Fn::Not": lambda value, where: not self.resolve(value[0], where),
            "Fn::And": lambda value, where: all(self.resolve(part, where) for part in value),
            "Fn::Or": lambda value, where: any(self.resolve(part, where) for part in value),
        }

    def resolve(self, value: Any, where: str) -> Any:
        """``value`` with every function replaced by what it gives; ``where`` is for messages."""
        if isinstance(value, list):
            parts = [self.resolve(part, f"{where}[{i}]") for i, part in enumerate(cast("list[Any]", value))]
            return [part for part in parts if part is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        mapping = cast("dict[str, Any]", value)
        if len(mapping) == 1:
            ((name, argument),) = mapping.items()
            if function := self._functions.get(name):
                return function(argument, where)
            if name.startswith("Fn::"):
                raise TemplateError(f"{where}: the local stack can't evaluate {name}")
        resolved = {key: self.resolve(part, f"{where}.{key}") for key, part in mapping.items()}
        return {key: part for key, part in resolved.items() if part is not NO_VALUE}

    def _ref(self, name: str, where: str) -> Any:
        pseudo = {
            "AWS::Region": names.REGION,
            "AWS::AccountId": names.ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": names.STACK,
            "AWS::StackId": names.STACK_ID,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if self._is_role(name):
            return names.local_name(name)
        if name in self._resources:
            if self._resources[name]["Type"] == "AWS::SQS::Queue":
                return f"https://sqs.{names.REGION}.amazonaws.com/{names.ACCOUNT}/{self.name_of(name)}"
            return self.name_of(name)
        raise TemplateError(f"{where}: Ref names {name!r}, which is neither a parameter nor a resource")

    def name_of(self, logical_id: str) -> str:
        """The physical name of a resource: the one that the template gives it, or the local stack's."""
        properties = self._resources[logical_id].get("Properties", {})
        for given in ("FunctionName", "TableName", "BucketName", "RoleName", "QueueName", "LogGroupName"):
            if given in properties:
                return str(self.resolve(properties[given], f"{logical_id}.{given}"))
        is_key = self._resources[logical_id]["Type"] == "AWS::KMS::Key"
        return names.key_id(logical_id) if is_key else names.local_name(logical_id)

    def _is_role(self, name: str) -> bool:
        """Whether SAM makes a role by this name, for a function."""
        function = self._resources.get(name.removesuffix("Role"), {})
        return name.endswith("Role") and function.get("Type") == "AWS::Serverless::Function"

    def _get_att(self, value: list[str], where: str) -> str:
        logical_id, attribute = value[0], value[1]
        if self._is_role(logical_id) and attribute == "Arn":
            return names.arn("iam", f"role/{names.local_name(logical_id)}", region="")
        if logical_id not in self._resources:
            raise TemplateError(f"{where}: GetAtt names {logical_id!r}, which is no resource")
        kind, name = self._resources[logical_id]["Type"], self.name_of(logical_id)
        arns = {
            "AWS::Serverless::Function": names.arn("lambda", f"function:{name}"),
            "AWS::DynamoDB::Table": names.arn("dynamodb", f"table/{name}"),
            "AWS::S3::Bucket": names.arn("s3", name, region="", account=""),
            "AWS::KMS::Key": names.arn("kms", f"key/{name}"),
            "AWS::IAM::Role": names.arn("iam", f"role/{name}", region=""),
            "AWS::SQS::Queue": names.arn("sqs", name),
            "AWS::OpenSearchServerless::Collection": names.arn("aoss", "collection/local"),
        }
        others = {
            ("AWS::DynamoDB::Table", "StreamArn"): f"{arns['AWS::DynamoDB::Table']}/stream/local",
            (
                "AWS::OpenSearchServerless::Collection",
                "CollectionEndpoint",
            ): f"https://local.{names.REGION}.aoss.amazonaws.com",
            ("AWS::OpenSearchService::Domain", "DomainEndpoint"): f"search-local.{names.REGION}.es.amazonaws.com",
        }
        if (kind, attribute) in others:
            return others[kind, attribute]
        if attribute != "Arn" or kind not in arns:
            raise TemplateError(f"{where}: the local stack can't give {logical_id}.{attribute} ({kind})")
        return arns[kind]

    def _sub(self, value: str | list[Any], where: str) -> str:
        text, given = (value, cast("dict[str, Any]", {})) if isinstance(value, str) else (value[0], value[1])

        def fill(match: re.Match[str]) -> str:
            literal, name = match.group(1), match.group(2)
            if literal:
                return f"${{{name}}}"
            if name in given:
                return str(self.resolve(given[name], where))
            if "." in name:
                return self._get_att(name.split(".", 1), where)
            return str(self._ref(name, where))

        return _PLACEHOLDER.sub(fill, text)

    def _if(self, value: list[Any], where: str) -> Any:
        return self.resolve(value[1] if self._condition(value[0], where) else value[2], where)

    def _join(self, value: list[Any], where: str) -> str:
        return str(value[0]).join(str(part) for part in self.resolve(value[1], where))

    def _select(self, value: list[Any], where: str) -> Any:
        parts, index = self.resolve(value[1], where), int(value[0])
        if index >= len(parts):
            raise TemplateError(f"{where}: Fn::Select wants part {index} of {len(parts)}")
        return parts[index]

    def _split(self, value: list[Any], where: str) -> list[str]:
        return str(self.resolve(value[1], where)).split(value[0])

    def _equals(self, value: list[Any], where: str) -> bool:
        return str(self.resolve(value[0], where)) == str(self.resolve(value[1], where))

    def _condition(self, name: str, where: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"{where}: there is no condition {name!r}")
        return bool(self.resolve(self._conditions[name], f"Conditions.{name}"))
