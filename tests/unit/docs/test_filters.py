"""Metadata filters: containment, and the terms that stand for it."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs import filters
from silvercup.docs.filters import MAX_DEPTH, MAX_FILTER_VALUES, MAX_TERMS, contains, terms_of, terms_of_filter
from silvercup.errors import InvalidRequest

HUGE = 10**5_000
CASES = [
    ({}, {}, True),
    ({"a": 1}, {}, True),
    ({}, {"a": 1}, False),
    ({"a": 1, "b": 2}, {"a": 1}, True),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": True}, {"a": 1}, False),
    ({"a": False}, {"a": 0}, False),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 0}, {"a": -0.0}, True),
    ({"a": 1e22}, {"a": 10**22}, True),
    ({"a": HUGE}, {"a": HUGE}, True),
    ({"a": HUGE}, {"a": HUGE + 1}, False),
    ({"a": 2**53}, {"a": 2**53 + 1}, False),
    ({"a": 0.1}, {"a": 0.1}, True),
    ({"a": 0.1}, {"a": 0.30000000000000004}, False),
    ({"a": None}, {"a": None}, True),
    ({}, {"a": None}, False),
    ({"a": None}, {"a": "None"}, False),
    ({"a": "True"}, {"a": True}, False),
    ({"a": "é"}, {"a": "e\u0301"}, False),
    ({"A": 1}, {"a": 1}, False),
    ({"\ud800": "\udfff"}, {"\ud800": "\udfff"}, True),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1}}, {"a": {}}, True),
    ({"a": []}, {"a": {}}, False),
    ({"a": 1}, {"a": {}}, False),
    ({"a": None}, {"a": []}, False),
    ({"a": [1]}, {"a": []}, True),
    ({"a": {}}, {"a": []}, False),
    ({"a.b": 1}, {"a": {"b": 1}}, False),
    ({"a": [1, 2, 3]}, {"a": [3, 1]}, True),
    ({"a": [1, 2, 3]}, {"a": [1, 1, 1, 1]}, True),
    ({"a": [1, 2]}, {"a": [1, 4]}, False),
    ({"a": [1, 2]}, {"a": [True]}, False),
    ({"a": [1.0]}, {"a": [1]}, True),
    ({"a": ["x"]}, {"a": "x"}, False),
    ({"a": "x"}, {"a": ["x"]}, False),
    ({"a": [{"x": 1, "y": 2}]}, {"a": [{"y": 2}]}, True),
    ({"a": [{"x": 1}, {"y": 2}]}, {"a": [{"x": 1}, {"y": 2}]}, True),
    ({"a": [{"x": 1}, {"y": 2}]}, {"a": [{"x": 1, "y": 2}]}, False),
    ({"a": [[1, 2], [3]]}, {"a": [[2]]}, True),
    ({"a": [[1, 2], [3]]}, {"a": [[1, 3]]}, False),
    ({"a": [[1, 2]]}, {"a": [1]}, False),
    ({"a": [1, {}]}, {"a": [{}]}, True),
    ({"a": [1, {}]}, {"a": [[]]}, False),
]


@pytest.mark.parametrize(("metadata", "wanted", "expected"), CASES, ids=map(str, range(len(CASES))))
def test_containment_is_that_of_jsonb(metadata: Any, wanted: Any, expected: bool):
    assert contains(metadata, wanted) is expected
    if expected:
        assert set(terms_of_filter(wanted)) <= set(terms_of(metadata))


KEYS = st.sampled_from(["a", "b", "key", "element", ""])
PLAIN = st.sampled_from([None, True, False, 0, 1, -1, 1.0, 0.5, 1e300, "", "a", "1", "None", "object", "é"])
VALUES = st.recursive(
    PLAIN | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def part_of(draw: st.DrawFn, value: Any) -> Any:
    """A value that another one contains."""
    if isinstance(value, dict):
        names = draw(st.lists(st.sampled_from(sorted(value)), unique=True)) if value else []
        return {name: draw(part_of(value[name])) for name in names}
    if isinstance(value, list):
        some = draw(st.lists(st.sampled_from(range(len(value))), max_size=5)) if value else []
        return [draw(part_of(value[place])) for place in some]
    return draw(st.sampled_from([value, float(value)])) if value in (0, 1) and not isinstance(value, bool) else value


@given(st.data(), OBJECTS)
def test_what_contains_a_filter_has_its_terms(data: st.DataObject, metadata: Any):
    wanted = data.draw(part_of(metadata))
    assert contains(metadata, wanted)
    assert set(terms_of_filter(wanted)) <= set(terms_of(metadata))


@given(OBJECTS, OBJECTS)
def test_terms_that_are_missing_rule_containment_out(metadata: Any, wanted: Any):
    if not set(terms_of_filter(wanted)) <= set(terms_of(metadata)):
        assert not contains(metadata, wanted)


@given(st.dictionaries(KEYS, PLAIN, max_size=4), st.dictionaries(KEYS, PLAIN, max_size=4))
def test_terms_of_flat_metadata_say_all(metadata: Any, wanted: Any):
    assert contains(metadata, wanted) == (set(terms_of_filter(wanted)) <= set(terms_of(metadata)))


@given(OBJECTS)
def test_terms_are_short_and_do_not_depend_on_order(metadata: Any):
    terms = terms_of(metadata)
    assert terms == sorted(set(terms))
    assert all(re.fullmatch("[0-9a-f]{20}", term) for term in terms)
    assert terms_of(dict(reversed(metadata.items()))) == terms
    assert terms_of(json.loads(json.dumps(metadata))) == terms


def test_keys_and_positions_are_told_apart():
    different = [{"a": {"b": 1}}, {"a": [1]}, {"a": [{"b": 1}]}, {"ab": 1}, {"a": 1}, {"a": "1"}, {"a": [[1]]}]
    leaves = [tuple(terms_of_filter(one)) for one in different]
    assert len(set(leaves)) == len(different)


def test_terms_are_the_same_in_another_process():
    metadata = {"a": [1, "x", {"b": None}], "ß": -0.0}
    path = str(Path(filters.__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {path!r}); from silvercup.docs.filters import terms_of; print(terms_of({metadata!r}))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.strip() == str(terms_of(metadata))


def test_as_many_terms_as_there_may_be():
    assert len(terms_of({str(number): number for number in range(MAX_TERMS)})) == MAX_TERMS
    assert len(terms_of({"tags": [7] * 5_000})) == 2, "the array and its one value"
    with pytest.raises(InvalidRequest, match="metadata holds more than 1,000 different values") as refused:
        terms_of({str(number): number for number in range(MAX_TERMS + 1)})
    assert [problem.loc for problem in refused.value.details] == ["metadata"]


def test_as_many_values_as_a_filter_may_have():
    assert len(terms_of_filter({"tags": list(range(MAX_FILTER_VALUES))})) == MAX_FILTER_VALUES
    for values in (list(range(MAX_FILTER_VALUES + 1)), [7] * (MAX_FILTER_VALUES + 1), [[]] * (MAX_FILTER_VALUES + 1)):
        with pytest.raises(InvalidRequest, match="metadata_filter holds more than 100 values") as refused:
            terms_of_filter({"tags": values})
        assert [problem.loc for problem in refused.value.details] == ["metadata_filter"]


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_as_deep_as_it_may_be(wrap: Any):
    deep: Any = {"a": 1}
    for _ in range(MAX_DEPTH - 2):
        deep = wrap(deep)
    deep = {"root": deep}
    assert terms_of_filter(deep)
    assert contains(copy.deepcopy(deep), deep)
    deeper = {"root": deep}
    with pytest.raises(InvalidRequest, match="metadata is nested deeper than 20"):
        terms_of(deeper)
    with pytest.raises(InvalidRequest, match="metadata_filter is nested deeper than 20"):
        terms_of_filter(deeper)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know(number: float):
    with pytest.raises(InvalidRequest, match="metadata holds a number that JSON does not know"):
        terms_of({"a": [number]})
