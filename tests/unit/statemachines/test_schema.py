"""What is refused as ``input_schema``, so that no execution fails because of it."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import InvalidTask, Problem
from statemachines import Source, compile_task


def problems(schema: Any) -> tuple[Problem, ...]:
    try:
        compile_task(Source({"name": "x", "main": [{"log": "x"}], "input_schema": schema}))
    except InvalidTask as error:
        return error.details
    return ()


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 0}}, "required": ["n"]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}},
        {"properties": {"tree": {"$ref": "#/$defs/node"}}, "$defs": {"node": {"items": {"$ref": "#/$defs/node"}}}},
        {"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}, "patternProperties": True}},
        {"properties": {"x": {"pattern": r"^\d+$"}}, "patternProperties": {"^a": {"type": "string"}}},
        {"default": {"pattern": "(", "$ref": "#/nowhere"}, "examples": [{"pattern": "("}], "const": {"$ref": "x"}},
        {"$id": "https://example.com/a", "$ref": "b", "$defs": {"b": {"$id": "b"}}},
        {"unknown_keyword": 1, "description": "x", "format": "date"},
    ],
)
def test_schemas_that_are_accepted(schema: Any):
    assert problems(schema) == ()


@pytest.mark.parametrize(
    ("schema", "loc", "told"),
    [
        ("object", "input_schema", "must be an object; it is a string"),
        ({"type": "objekt"}, "input_schema.type", '"objekt" is no type; there are array, boolean'),
        ({"properties": {"a": {"type": 5}}}, "input_schema.properties.a.type", "5 is no type"),
        ({"required": "a"}, "input_schema.required", "'a' is not of type 'array'"),
        ({"properties": {"a": 5}}, "input_schema.properties.a", "5 is not of type 'object', 'boolean'"),
        ({"$ref": "#/$defs/a"}, "input_schema.$ref", '"#/$defs/a" leads nowhere'),
        ({"items": {"$ref": "http://127.0.0.1:9/x.json"}}, "input_schema.items.$ref", "leads nowhere"),
        ({"anyOf": [True, {"pattern": "("}]}, "input_schema.anyOf[1].pattern", '"(" is no regex: missing )'),
        ({"pattern": "(?=a)b"}, "input_schema.pattern", "is no regex"),
        ({"patternProperties": {"a": True, "*": True}}, "input_schema.patternProperties", '"*" is no regex'),
    ],
)
def test_schemas_that_are_refused(schema: Any, loc: str, told: str, capfd: pytest.CaptureFixture[str]):
    (problem,) = problems(schema)
    assert problem.loc == loc
    assert told in problem.msg
    assert capfd.readouterr().err == ""


def test_every_problem_is_told_once_in_order():
    schema = {"required": "a", "properties": {"b": {"type": "x"}, "a": {"type": "x", "minimum": "0"}}}
    assert [problem.loc for problem in problems(schema)] == [
        "input_schema.properties.a.minimum",
        "input_schema.properties.a.type",
        "input_schema.properties.b.type",
        "input_schema.required",
    ]


def test_of_very_many_problems_fifty_are_told():
    assert len(problems({"properties": {f"p{i}": {"type": "x"} for i in range(200)}})) == 50


def test_the_deepest_schema_can_be_checked():
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(48):
        schema = {"type": "object", "properties": {"a": schema}}
    assert problems(schema) == ()
