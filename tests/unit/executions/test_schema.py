"""Inputs against a task's schema: fields are named, and no schema brings the API down."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import InvalidInput
from silvercup.executions.schema import check_input


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"properties": {"n": {"pattern": "^a+$"}}}])
def test_an_input_that_fits(schema: dict[str, Any] | None):
    check_input(schema, {"n": "aaa"})


@pytest.mark.parametrize(
    ("schema", "value", "loc", "words"),
    [
        ({"required": ["n"]}, {}, "input", "'n' is a required property"),
        ({"properties": {"a": {"items": {"type": "integer"}}}}, {"a": [1, "x"]}, "input.a[1]", "not of type 'integer'"),
        ({"properties": {"n": {"pattern": "^(a+)+$"}}}, {"n": "a" * 5_000 + "b"}, "input.n", "does not match"),
        ({"patternProperties": {"^x": {"type": "null"}}}, {"xy": 1}, "input.xy", "not of type 'null'"),
        ({"$ref": "#"}, {"n": 1}, "input", "refers to itself"),
        ({"$id": "urn:x", "$ref": "urn:nowhere"}, {"n": 1}, "input", "leads nowhere"),
        ({"items": {"$ref": "#"}, "type": "array"}, nested(3_000), "input", "nested too deeply"),
    ],
)
def test_an_input_that_does_not(schema: dict[str, Any], value: Any, loc: str, words: str):
    with pytest.raises(InvalidInput) as caught:
        check_input(schema, value)
    problem = caught.value.details[0]
    assert problem.loc == loc
    assert words in problem.msg


def test_all_fields_are_named_and_many_problems_are_cut():
    schema = {"additionalProperties": {"type": "integer"}}
    with pytest.raises(InvalidInput) as caught:
        check_input(schema, {f"k{i}": "x" for i in range(200)})
    assert len(caught.value.details) == 50
