"""Properties that hold for any text and any small expression."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import ExpressionError
from silvercup.expressions import CONTEXT_NAMES, check_value, compile_value

BRACES = st.text(alphabet=st.sampled_from("{}[]()'\"_.:! $\\\nabx1,"), max_size=60)
TEXT = st.one_of(st.text(max_size=60), BRACES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(TEXT)
def test_text_that_names_no_context_is_unchanged(text: str) -> None:
    if not text.strip().startswith("$ ") and not any(name in text for name in CONTEXT_NAMES):
        assert compile_value(text).evaluate({}) == text


@given(TEXT, JSON)
def test_any_text_survives(text: str, value: Any) -> None:
    """It is a value or an ``ExpressionError``, and a value can be written as UTF-8 JSON."""
    errors, _ = check_value(text)
    try:
        compiled = compile_value(text)
    except ExpressionError:
        assert errors
        return
    try:
        result = compiled.evaluate({"_": value})
    except ExpressionError as error:
        error.message.encode()
        return
    if "{" in text or "$" in text:
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()


@given(JSON)
def test_any_value_passes_through(value: Any) -> None:
    result = compile_value("$ _").evaluate({"_": value})
    text = json.dumps(result, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert json.loads(text) == result
    if "\\u0000" not in json.dumps(value) and "\\ud" not in json.dumps(value):
        assert result == value


ATOMS = st.one_of(
    st.integers(-50, 50).map(str),
    st.sampled_from(["True", "False", "None", "'ab'", "''", "[1, 2]", "(3,)", "{'k': 1}", "x", "1.5"]),
)
BINARY = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, BINARY, inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        inner.map(lambda part: f"(not {part})"),
        inner.map(lambda part: f"(-{part})"),
        inner.map(lambda part: f"[{part}, 1][0]"),
        inner.map(lambda part: f"[y for y in [{part}, x] if y != 2]"),
        inner.map(lambda part: f"len(str({part}))"),
        inner.map(lambda part: f"f'{{{part}!r:>6}}'" if "'" not in part else f"str({part})"),
        inner.map(lambda part: f"sorted(set([{part}, {part}]), key=str)"),
        st.tuples(inner, inner).map(lambda parts: f"{{1: {parts[0]}, 'z': {parts[1]}}}"),
    )


@given(st.recursive(ATOMS, _larger, max_leaves=8), st.integers(-5, 5))
def test_expressions_mean_what_python_means(source: str, x: int) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected: Any = eval(source, {"x": x})  # the grammar above is safe
        except Exception:  # noqa: BLE001
            expected = ExpressionError
    try:
        got: Any = compile_value(f"$ {source}", frozenset({"x"})).evaluate_raw({"x": x})
    except ExpressionError:
        got = ExpressionError
    same_nan = isinstance(got, float) and isinstance(expected, float) and math.isnan(got) and math.isnan(expected)
    assert same_nan or (got == expected and type(got) is type(expected)), (source, got, expected)
