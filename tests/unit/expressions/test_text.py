"""The text rule: which strings are expressions, and what stays text."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import ExpressionError
from silvercup.expressions import compile_value


def value(text: Any, **scope: Any) -> Any:
    return compile_value(text).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ 1 + 1", 2),
        ("   $ [1, 2][0]  \n", 1),
        ("$ _.a", {"b": 7}),
        ("$ _['a']['b'] == 7", True),
        ("$ None", None),
        ("$ 'x'\n  + 'y'", "xy"),
        ("$ f'{_.a.b:>3}'", "  7"),
        ('$ f"{_["a"]["b"]}"', "7"),
        ("$ f''' {{ _ }} {_.a.b}'''", " { _ } 7"),
        ("$ {{ 1: 2 }['a'] if False else 'set'}", ["set"]),
    ],
)
def test_dollar_space_is_an_expression_with_its_type(text: str, expected: Any) -> None:
    assert value(text, _={"a": {"b": 7}}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_", {"x": [1, 2]}),
        ("  _  ", {"x": [1, 2]}),
        ("_.x", [1, 2]),
        ("_['x'][1]", 2),
        ("_[1:]", None),
        ("[_.x, 3]", [[1, 2], 3]),
        ("outputs[0]", "first"),
        ("outputs[0] + '!'", "first!"),
        ("{'a': outputs[0]}", {"a": "first"}),
    ],
)
def test_shorthands_of_v1(text: str, expected: Any) -> None:
    scope: dict[str, Any] = {"_": {"x": [1, 2]}, "outputs": ["first"]}
    if text == "_[1:]":
        scope["_"] = "ab"
        expected = "b"
    assert value(text, **scope) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "plain",
        "$",
        "$x",
        "$5 {total}",
        "x + 7",
        "_.name is what you want",
        "_x",
        "[1, 2]",
        "[urgent]",
        "see outputs[",
        "outputs[0] is the first",
        '{"name": "string", "tags": ["a"]}',
        '{"user": "x", "n": 1}',
        "{state: string, input: number}",
        "{{ not closed }",
        "{ _ ",
        "}{",
        "{}",
        "{{}}",
        "{% if _ %}x{% endif %}",
        "it's {don't} fine",
        "  white space \n\t stays  ",
        "back\\nslash",
        "{foo.bar}",
        "{str(1)}",
        "{input, nothing_known}",
        "{_: not a format}",
        "function f() { return _; }",
        "a { color: red }",
        "${HOME}",
        "'''",
    ],
)
def test_anything_else_is_text_as_written(text: str) -> None:
    assert value(text, _=1, input=2, state=3, user=4, outputs=[5]) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{_}", "7"),
        ("{{_}}", "7"),
        ("{{ _ }}", "7"),
        (" a {_} b {input.q!r} ", " a 7 b 'Q' "),
        ("{_:>4}|{_:04d}", "   7|0007"),
        ("{_ + 1}", "8"),
        ("{len(input.q) + _}", "8"),
        ("{input['q']}{input[\"q\"]}", "QQ"),
        ('{"name": "{input.q}", "n": {_}}', '{"name": "Q", "n": 7}'),
        ("{[x for x in input.q]}", "['Q']"),
        ("{_=}", "_=7"),
        ("{{input.q}} and {unknown}", "Q and {unknown}"),
        ("{{{_}}}", "{7}"),
        ("it's {_} o'clock", "it's 7 o'clock"),
        ("{_\n}", "7"),
        ("{'}' + input.q}", "}Q"),
        ("Result: {{input.q}} outputs[0]", "Result: Q outputs[0]"),
        ("{_:{_}}", "      7"),
    ],
)
def test_fields_in_text(text: str, expected: str) -> None:
    assert value(text, _=7, input={"q": "Q"}) == expected


def test_values_are_compiled_recursively_and_keys_never() -> None:
    compiled = compile_value({"{_}": ["$ _", {"a": "{_}"}, 1, None, True, 1.5], "$ _": "x"})
    assert compiled.evaluate({"_": 3}) == {"{_}": [3, {"a": "3"}, 1, None, True, 1.5], "$ _": "x"}


@pytest.mark.parametrize(
    "text", ["{} {} {}", "{" * 50_000, "{'" * 30_000, "{a" * 30_000 + "}" * 10, "{_}" * 1000 + "{"]
)
def test_many_braces_take_no_time(text: str) -> None:
    assert str(value(text, _=1)).endswith(text[-1])


@pytest.mark.parametrize(
    "text",
    ["$ (1", "$ 1 +", "$ a b", "$ 'x", "$ if", "$ {{ _.x", "$ f'{'", "$ \x00", "$ 1; 2", "$ x = 1", "$ import os"],
)
def test_a_syntax_error_after_dollar_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"syntax error|not readable"):
        compile_value(text)


def test_the_names_of_the_context_decide() -> None:
    text = "Bearer {secrets.KEY} {agent.name}"
    only_secrets = compile_value(text, frozenset({"secrets"}))
    assert only_secrets.evaluate({"secrets": {"KEY": "k"}}) == "Bearer k {agent.name}"
    assert only_secrets.reads.names == {"secrets"}
