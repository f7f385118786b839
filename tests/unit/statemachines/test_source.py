"""Reading a task's text: what is accepted, what is refused and where, and what must not harm the process that reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import InvalidRequest, TooLarge
from statemachines import Source, read_json, read_yaml
from statemachines.source import MAX_BYTES, MAX_DEPTH, MAX_NODES


def refusal(text: str, read: Any = read_yaml) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        read(text.encode())
    (problem,) = refused.value.details
    assert problem.msg in refused.value.message
    return refused.value


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_json_is_read_as_it_is(value: Any):
    assert read_json(json.dumps(value).encode()) == Source(value)


PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | PRINTABLE,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4),
        max_leaves=20,
    )
)
def test_yaml_gives_the_value_that_was_written(value: Any):
    source = read_yaml(yaml.safe_dump(value, allow_unicode=True).encode())
    assert source.value == value
    assert source.warnings == ()


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_a_byte_order_mark_is_passed_over(read: Any):
    assert read(b'\xef\xbb\xbf{"a": "\xc3\xa9"}').value == {"a": "é"}


@pytest.mark.parametrize("read", [read_json, read_yaml])
@pytest.mark.parametrize(("body", "at"), [("a: é".encode("utf-16"), 0), (b'{"a": "\xe9"}', 7)])
def test_what_is_not_utf8_is_refused(read: Any, body: bytes, at: int):
    with pytest.raises(InvalidRequest, match=f"not UTF-8 text: byte {at} "):
        read(body)


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_a_text_over_the_limit_is_too_large(read: Any):
    assert read(b'"' + b"x" * (MAX_BYTES - 2) + b'"').value == "x" * (MAX_BYTES - 2)
    with pytest.raises(TooLarge, match=r"at most 1,000,000 bytes; this one is 1,000,001"):
        read(b'"' + b"x" * (MAX_BYTES - 1) + b'"')


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ('{"a": 1,\n "b": }', "Expecting value at line 2, column 7", 2),
        ("", "Expecting value at line 1, column 1", 1),
        ('{"a": 1} x', "Extra data at line 1, column 10", 1),
        ('{"a": NaN}', "NaN is not a JSON number", None),
        ('{"a": -Infinity}', "-Infinity is not a JSON number", None),
        ('{"a": 1e999}', "1e999 is too large a number", None),
        ("9" * 5000, "a whole number of more than 4,300 digits", None),
    ],
)
def test_json_that_cant_be_read(text: str, told: str, line: int | None):
    error = refusal(text, read_json)
    assert "not valid JSON" in error.message
    assert told in error.message
    assert error.details[0].line == line


def test_json_takes_the_last_of_two_equal_keys():
    assert read_json(b'{"a": 1, "a": 2}').value == {"a": 2}


@pytest.mark.parametrize(
    ("text", "told", "line", "hint"),
    [
        ("main:\n  - evaluate:\n      x: $ {'a': _}: 1\n", "mapping values are not allowed", 3, "needs quotes"),
        ("main:\n  - log: x\n log: y\n", "did not find expected key", 3, "indentation"),
        ("main:\n\t- log: x\n", "cannot start any token", 2, "not tabs"),
        ("a: [1, 2}\nb: 2\n", "did not find expected ',' or ']'", 1, None),
        ('a: "x\n', "unexpected end of stream", 2, None),
        ("a: *nothing\n", "undefined alias", 1, None),
        ("a: 1\n---\nb: 2\n", "a second document", 2, None),
        ("a:\n  - !secret x\n", "the tag '!secret'", 2, None),
        ("a: !!python/object/apply:os.system [x]\nb: !!python/name:os.system x", "os.system", 2, None),
        ("a: 1\nb: !!int x\n", "'x' can't be read as int at line 2", 2, None),
        ("a: 1\nb: .nan\n", "JSON has no number for .nan at line 2", 2, None),
        ("b: -.inf\n", "JSON has no number for -.inf at line 1", 1, None),
        ("b: 1.0e+999\n", "JSON has no number for 1.0e+999", 1, None),
        ("a: 1\n? [b, c]\n: 2\n", "a key that is not plain text at line 2", 2, None),
        ("a: {<<: 3}\n", "'<<' takes a mapping or a list of mappings", 1, None),
        ("a: &a [*a]\n", "nested more than 100 levels", 1, None),
        ("a: &a {b: *a}\n", "nested more than 100 levels", 1, None),
        ("a: &a {<<: *a}\n", "nested more than 100 levels", 1, None),
        ("a: \x00\n", "control characters are not allowed", None, None),
    ],
)
def test_yaml_that_cant_be_read(text: str, told: str, line: int | None, hint: str | None):
    error = refusal(text)
    assert "not valid YAML" in error.message
    assert told in error.message
    assert "\n" not in error.message
    assert error.details[0].line == line
    assert (hint or "") in (error.details[0].hint or "")
    assert (error.details[0].hint is None) == (hint is None)


def test_an_empty_yaml_is_nothing():
    assert read_yaml(b"# only a comment\n") == Source(None)


def test_yaml_keeps_as_text_what_json_has_no_type_for():
    source = read_yaml(
        b"date: 2020-01-31\nat: 2020-01-31T10:00:00Z\nbytes: !!binary aGk=\nsame: =\nbelow: <<\n2020-01-31: x\n"
    )
    assert source.value == {
        "date": "2020-01-31",
        "at": "2020-01-31T10:00:00Z",
        "bytes": "aGk=",
        "same": "=",
        "below": "<<",
        "2020-01-31": "x",
    }


def test_yaml_keys_are_text_as_written():
    assert read_yaml(b"on: 1\n1: 2\nnull: 3\n~: 4\n1.50: 5").value == {"on": 1, "1": 2, "null": 3, "~": 4, "1.50": 5}


def test_yaml_lines_are_those_of_the_keys_and_items():
    source = read_yaml(b"name: x\nmain:\n  - evaluate:\n      a: 1\n      b:\n        - 2\n  -\n    log: y\n")
    assert source.lines == {
        "": 1,
        "name": 1,
        "main": 2,
        "main[0]": 3,
        "main[0].evaluate": 3,
        "main[0].evaluate.a": 4,
        "main[0].evaluate.b": 5,
        "main[0].evaluate.b[0]": 6,
        "main[1]": 8,
        "main[1].log": 8,
    }


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        ("main[0].evaluate", 3),
        ("main[0].then.x[3]", 3),
        ("main[7]", 2),
        ("nowhere", 1),
        ("", 1),
    ],
)
def test_a_path_without_a_line_has_that_of_the_part_above_it(loc: str, line: int):
    assert read_yaml(b"name: x\nmain:\n  - evaluate: {a: 1}\n").line(loc) == line


def test_json_has_no_lines():
    assert read_json(b'{"a": 1}').line("a") is None


def test_a_key_that_stands_twice_in_yaml_is_told():
    source = read_yaml(b"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n")
    assert source.value == {"a": 2, "b": {"c": 3, "d": 2}}
    assert [(w.loc, w.line) for w in source.warnings] == [("b.c", 5), ("a", 6)]
    assert "first on line 3; the last one counts" in source.warnings[0].msg


def test_merge_keys_are_taken_over_and_own_keys_win():
    source = read_yaml(b"x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  c: 5\n")
    assert source.value["z"] == {"a": 1, "b": 2, "c": 5} == yaml.safe_load("{a: 1, b: 2, c: 5}")
    assert list(source.value["z"]) == ["b", "c", "a"]
    assert source.warnings == ()
    assert source.lines["z.c"] == 5


@given(st.lists(st.sampled_from(["*x", "*y", "*z", "{a: 9}"]), min_size=1, max_size=4))
def test_merging_is_that_of_pyyaml(merged: list[str]):
    text = f"x: &x {{a: 1, b: 2}}\ny: &y {{b: 3, <<: *x, c: 4}}\nz: &z {{<<: [*y, *x], d: 1}}\nw: {{<<: [{', '.join(merged)}], a: 7}}"
    assert read_yaml(text.encode()).value == yaml.safe_load(text)


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{a: "])
def test_yaml_too_deep_for_the_c_composer_is_refused_early(opening: str):
    assert "nested more than 100 levels" in refusal(opening * (900_000 // len(opening))).message


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_the_deepest_nesting(read: Any):
    read(nested(MAX_DEPTH + 1).encode())
    assert "nested more than 100 levels" in refusal(nested(MAX_DEPTH + 2), read).message
    assert "nested more than 100 levels" in refusal(nested(200_000), read).message


def test_aliases_are_counted_each_time():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    with pytest.raises(TooLarge, match=f"more than {MAX_NODES:,} values"):
        read_yaml(bomb.encode())


def test_merge_keys_are_counted_each_time():
    inner = "&a0 {k: 1}"
    for i in range(1, 40):
        inner = f"&a{i} {{<<: [{inner}, *a{i - 1}]}}"
    with pytest.raises(TooLarge, match=f"more than {MAX_NODES:,} values"):
        read_yaml(f"x: {inner}".encode())


def test_long_keys_do_not_multiply_in_the_table_of_lines():
    key = "k" * 1_000
    text = f"{{{key}: " * 50 + "[" + "1, " * 90_000 + "1]" + "}" * 50
    source = read_yaml(text.encode())
    assert sum(map(len, source.lines)) < 1_000
    assert source.line(f"{key}.{key}") == 1
