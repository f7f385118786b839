from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from local.intrinsics import Resolver, TemplateError, read_yaml
from local.template import TEMPLATE, Stream, load
from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.settings import Settings

if TYPE_CHECKING:
    from silvercup.adapters.opensearch.settings import Engine, Service

ACCOUNT = "123456789012"


def test_tables_have_the_keys_indexes_and_ttl_of_the_template() -> None:
    tables = {table.name: table for table in load().tables}
    names = [f"silvercup-local-{name}" for name in ("core", "runs", "docs")]
    assert set(tables) == set(names)
    core, runs, docs = (tables[name] for name in names)
    assert core.key == runs.key == docs.key == ("pk",)
    assert core.ttl == runs.ttl == "expires"
    assert docs.ttl is None
    indexes = {
        index["IndexName"]: [part["AttributeName"] for part in index["KeySchema"]]
        for index in runs.definition["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "by_run": ["run", "t"],
        "sweep": ["sweep", "sweep_at"],
        "inbox": ["inbox", "inbox_at"],
        "usage": ["spent", "spent_at"],
    }
    indexes = {
        index["IndexName"]: [part["AttributeName"] for part in index["KeySchema"]]
        for index in core.definition["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "by_created": ["ix", "created"],
        "by_updated": ["ix", "updated"],
        "by_tenant": ["all", "created"],
        "by_state": ["state", "created"],
        "sweep": ["sweep", "sweep_at"],
        "usage": ["spent", "spent_at"],
    }


def test_the_stream_of_docs_goes_to_the_indexer() -> None:
    streams = {table.name: table.stream for table in load().tables if table.stream}
    expected = Stream("IndexerFunction", needs="due", batch=100, failures="silvercup-local-indexer")
    assert streams == {"silvercup-local-docs": expected}


@pytest.mark.parametrize("pattern", ['{"eventName": ["INSERT"]}', '{"dynamodb": {"NewImage": {"a": {"S": ["x"]}}}}'])
def test_a_filter_that_the_local_stack_can_not_apply_is_refused(tmp_path: Path, pattern: str) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    changed = tmp_path / "template.yaml"
    known = '{"dynamodb": {"NewImage": {"due": {"N": [{"exists": true}]}}}}'
    assert known in text
    changed.write_text(text.replace(known, pattern), encoding="utf-8")
    with pytest.raises(TemplateError, match="filter"):
        load(changed)


def test_functions_have_local_values_in_their_environment() -> None:
    steps = load().functions["StepsFunction"]
    assert (steps.name, steps.module, steps.attribute, steps.timeout) == (
        "silvercup-local-steps",
        "functions.steps.handler",
        "handler",
        900,
    )
    assert steps.environment["SILVERCUP_CORE_TABLE"] == "silvercup-local-core"
    assert steps.environment["SILVERCUP_BUCKET"] == "silvercup-local-data"
    assert (
        steps.environment["SILVERCUP_STEPS_ARN"] == f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:silvercup-local-steps"
    )
    assert steps.environment["SILVERCUP_MACHINE_ROLE_ARN"] == f"arn:aws:iam::{ACCOUNT}:role/silvercup-local-machine"
    assert steps.environment["SILVERCUP_TOKEN_SECRET"] == "silvercup-local-token"
    assert steps.environment["SILVERCUP_WAIT_DAYS"] == "31"


def test_parameters_win_over_defaults_and_unknown_ones_are_refused() -> None:
    assert load(parameters={"WaitDays": "2"}).functions["ApiFunction"].environment["SILVERCUP_WAIT_DAYS"] == "2"
    with pytest.raises(TemplateError, match="no parameter 'WaitDay'"):
        load(parameters={"WaitDay": "2"})


def test_conditions_choose() -> None:
    secret = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:model"
    assert load().functions["PromptsFunction"].environment["SILVERCUP_MODEL"] == "auto"
    assert (
        load(parameters={"ModelSecretArn": secret}).functions["PromptsFunction"].environment["SILVERCUP_MODEL"]
        == "anthropic"
    )


SEARCH = ("ENDPOINT", "SERVICE", "ENGINE")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ("https://local.us-west-2.aoss.amazonaws.com", "aoss", "none")),
        ({"Index": "domain"}, ("https://search-local.us-west-2.es.amazonaws.com", "es", "lucene")),
        ({"Index": "external", "IndexEndpoint": "http://node:9200"}, ("http://node:9200", "", "")),
        ({"Index": "external", "IndexEndpoint": "https://x", "IndexService": "aoss"}, ("https://x", "aoss", "")),
    ],
)
def test_functions_find_the_index(parameters: dict[str, str], expected: tuple[str, ...]) -> None:
    environment = load(parameters=parameters).functions["StreamFunction"].environment
    assert tuple(environment[f"SILVERCUP_INDEX_{name}"] for name in SEARCH) == expected
    assert environment["SILVERCUP_INDEX"] == "opensearch"
    settings = Settings.from_env({**environment, "AWS_REGION": "us-west-2"})
    made = OpenSearchSettings(
        endpoint=settings.index_endpoint,
        service=cast("Service", settings.index_service),
        engine=cast("Engine | None", settings.index_engine or None),
        region=settings.region,
        prefix=f"{settings.index_prefix}-",
    )
    assert made.prefix == "silvercup-10ca1000-"
    assert made.chosen_engine == ("none" if expected[1] == "aoss" else "lucene")


def test_parameters_of_the_embedder_reach_the_functions() -> None:
    key = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:embedder"
    parameters = {
        "Embedder": "openai",
        "EmbeddingModel": "bge-m3",
        "EmbeddingDimensions": "768",
        "EmbeddingSecretArn": key,
        "EmbeddingBaseUrl": "https://embedder/v1",
        "ChunkChars": "900",
        "ChunkOverlap": "90",
    }
    environment = load(parameters=parameters).functions["IndexerFunction"].environment
    settings = Settings.from_env(environment)
    assert (settings.embedding_base_url, settings.model_base_url) == ("https://embedder/v1", "")
    assert (settings.embedder, settings.embedding_model, settings.embedding_dimensions) == ("openai", "bge-m3", 768)
    assert (settings.embedding_secret, settings.chunk_chars, settings.chunk_overlap) == (key, 900, 90)


def test_without_parameters_the_code_has_its_own_defaults_of_the_embedder() -> None:
    environment = load().functions["IndexerFunction"].environment
    settings, own = Settings.from_env(environment), Settings()
    for name in (
        "embedder",
        "embedding_model",
        "embedding_dimensions",
        "embedding_secret",
        "chunk_chars",
        "chunk_overlap",
    ):
        assert getattr(settings, name) == getattr(own, name)


def test_every_setting_that_the_template_sets_is_one_that_the_code_reads() -> None:
    source = (TEMPLATE.parent / "layers/core/silvercup/settings.py").read_text(encoding="utf-8")
    for function in load().functions.values():
        for name in function.environment:
            if name.startswith("SILVERCUP_"):
                assert f'"{name.removeprefix("SILVERCUP_")}"' in source, name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!Ref Nothing", "neither a parameter nor a resource"),
        ("!GetAtt Nothing.Arn", "which is no resource"),
        ("!GetAtt Fun.Url", "can't give Fun.Url"),
        ("!ImportValue x", "can't evaluate Fn::ImportValue"),
        ("!If [Nope, a, b]", "no condition 'Nope'"),
        ('!Select [2, !Split ["/", "a/b"]]', "Fn::Select wants part 2 of 2"),
    ],
)
def test_what_can_not_be_read_is_said_with_its_place(tmp_path: Path, value: str, message: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        f"Resources:\n  Fun:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: functions/x\n      Handler: h.h\n"
        f"      Environment:\n        Variables:\n          NAME: {value}\n"
    )
    with pytest.raises(TemplateError, match=message) as problem:
        load(template)
    assert "Fun.Environment.Variables.NAME" in str(problem.value)


def test_functions_of_lists_and_roles_are_read() -> None:
    function = {"Type": "AWS::Serverless::Function"}
    resolver = Resolver({"Resources": {"Fun": function, "Other": {"Type": "AWS::SNS::Topic"}}}, {})
    assert resolver.resolve({"Fn::Select": [1, {"Fn::Split": [".", {"Fn::Join": [".", ["a", "b"]]}]}]}, "") == "b"
    assert resolver.resolve({"Fn::Select": ["0", ["a", "b"]]}, "") == "a"
    assert (
        resolver.resolve({"Fn::GetAtt": ["FunRole", "Arn"]}, "") == f"arn:aws:iam::{ACCOUNT}:role/silvercup-local-fun"
    )
    assert resolver.resolve({"Ref": "FunRole"}, "") == "silvercup-local-fun"
    with pytest.raises(TemplateError, match="which is no resource"):
        resolver.resolve({"Fn::GetAtt": ["OtherRole", "Arn"]}, "")


def test_a_missing_template_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no template at"):
        load(tmp_path / "template.yaml")


def test_short_tags_are_their_long_forms() -> None:
    assert read_yaml('a: !GetAtt T.Arn\nb: !Sub ["${x}", {x: !Ref T}]') == {
        "a": {"Fn::GetAtt": ["T", "Arn"]},
        "b": {"Fn::Sub": ["${x}", {"x": {"Ref": "T"}}]},
    }
