"""The static checker."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import ExpressionError
from silvercup.expressions import CONTEXT_NAMES, check_value, compile_value


def errors(value: Any, **options: Any) -> list[str]:
    return [problem.msg for problem in check_value(value, **options)[0]]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("$ agnet.name", "undefined name: 'agnet'", "Did you mean 'agent'?"),
        ("$ lenn(_)", "undefined name: 'lenn'", "Did you mean 'len'?"),
        ("$ item.x", "undefined name: 'item'", "the item of a loop is `_`"),
        ("$ print(1)", "undefined name: 'print'", "use a `log` step"),
        ("$ {x for x in _}", "set comprehension", None),
        ("$ (lambda: 1)()", "lambda is not supported", None),
        ("$ (y := 1)", "`:=` is not supported", None),
        ("$ await _", "await", None),
        ("$ [x async for x in _]", "async for", None),
        ("$ 1; 2", "`;`", None),
        ("$ x = 1", "an assignment", None),
        ("$ import os", "a statement", None),
        ("$ (1", "'(' was never closed", None),
        ("$ 1 +", "invalid syntax", None),
        ("$ _.__class__", "begin with '_'", "For a key write ['__class__']"),
        ("$ _._id", "begin with '_'", "For a key write ['_id']"),
        ("$ json.dump(_)", "'json' has no 'dump'", "Did you mean 'dumps'?"),
        ("$ urllib.parse.urlpars(_)", "'urllib.parse' has no 'urlpars'", "Did you mean 'urlparse'?"),
        ("$ datetime.datetime.noww()", "has no 'noww'", "Did you mean 'now'?"),
        ("$ 'a'.trim()", "a str has no 'trim'", "use strip()"),
        ("$ [].push(1)", "a list has no 'push'", "use append()"),
        ("$ f'{_}'.uper()", "a str has no 'uper'", "Did you mean 'upper'?"),
        ("$ '{}'.format(_)", "a str has no 'format'", "write an f-string: f'... {x} ...'"),
        ("$ _.x.format(1)", "format() is not available", "write an f-string: f'... {x} ...'"),
        ("$ nlp(_)", "not available in this version", None),
        ("$ humanize_text_alpha(_)", "not available in this version", None),
        ("$ json(_)", "'json' is not a function", None),
        ("$ NEWLINE()", "'NEWLINE' is not a function", None),
        ("$ agent(1)", "'agent' is a variable, not a function", None),
        ("$ math.pi()", "'pi' is not a function", None),
        ("$ len.x", "'len' is a function", None),
        ("$ _ @ _", "MatMult", None),
        ("$ ...", "Ellipsis", None),
        ("$ [1 for _.x in _]", "must be a name", None),
        ("a {_.x + [y for y in (lambda: 1)]} b", "lambda is not supported", None),
        ("$ " + "(" * 300 + ")" * 300, "nested", None),
        ("$ " + "-" * 3000 + "1", "nested", None),
        ("$ " + "1+" * 60_000 + "1", "longer than 100,000", None),
    ],
)
def test_errors(text: str, message: str, hint: str | None) -> None:
    found, _ = check_value(text)
    matching = [problem for problem in found if message in problem.msg]
    assert matching, found
    if hint:
        assert matching[0].hint == hint
    assert all(problem.line is None and len(problem.msg) < 600 for problem in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$ 1 / 0", "division by zero"),
        ("$ _ % 0", "division by zero"),
        ("$ [1, 2][2]", "past the end"),
        ("$_.x", "looks like an expression"),
        ("$steps[0].output", "looks like an expression"),
        ("Hi {agnet.name}", "stays text"),
        ("Hi {{ stepz[0].output }}", "stays text"),
        ("$ f'''Hi {{agent.name}}'''", "is the text `{ agent.name }`"),
        ("$ _.push(1)", "no type of value has a method 'push'"),
    ],
)
def test_warnings(text: str, message: str) -> None:
    found, warnings = check_value(text)
    assert not found
    assert [problem for problem in warnings if message in problem.msg], warnings


@pytest.mark.parametrize(
    "value",
    [
        "$ [x.id for x in _ if x and 'a' in x]",
        "$ {k: v for k, v in _.items()}",
        "$ [[b for b in a] for a in _]",
        "$ [c for a in _ for c in a if a]",
        "$ str(agent.id) + execution.id + task.name + secrets.KEY + developer_id",
        "$ hasattr(_, 'x') and sorted(_, key=len)",
        "$ datetime.now() or datetime.datetime.datetime(2024, 1, 1) or datetime.timezone.utc.utc",
        "$ list(map(json.loads, _))",
        "$ reduce(max, map(int, _))",
        "$ user is None and session is None",
        "$ '\\d' + NEWLINE + f'{_[\"a\"]!r:>{len(_)}}'",
        "$ re.findall('\\w+', _.text)[0].strip()",
        "$ true and not false or null",
        "$ [json for json in _][0].anything",
        "$ steps['x'].output.json[:50]",
        "$ _.items() and _.get('k').copy()",
        "$ search_regex('a', _).group(0)",
        'plain {text} with {"json": [1, {}]} and {name}',
        "{name} {type} {message} {content}",
        "{% if x %}",
        "$5 and ${HOME} and $x",
        {"a": [1, None, {"b": "$ _"}]},
        "$ len(_) > 500",
        "$ [ \n 1,\n 2 ]",
        "$ 1 if _ else\n 2",
    ],
)
def test_what_is_right_has_no_problems(value: Any) -> None:
    assert check_value(value) == ([], [])


def test_every_problem_of_every_string_with_its_place() -> None:
    value = {"x": ["$ agnet", {"y": "$ foo.bar + baz"}], "ok": "$ _", "z": "$ ("}
    found, warnings = check_value(value, loc="main[0].evaluate")
    assert not warnings
    assert sorted(problem.loc for problem in found) == [
        "main[0].evaluate.x[0]",
        "main[0].evaluate.x[1].y",
        "main[0].evaluate.x[1].y",
        "main[0].evaluate.z",
    ]
    assert check_value({"a": ["$ ("]})[0][0].loc == "a[0]"


def test_names_that_a_field_does_not_see() -> None:
    found, _ = check_value("$ steps[0].output + secrets.X", names={"secrets"})
    assert [(problem.msg, problem.hint) for problem in found] == [
        ("'steps' is not available here in `steps[0].output + secrets.X`", "There are: secrets")
    ]
    assert not errors("$ results + [_]", names=CONTEXT_NAMES | {"results"})
    assert errors("$ results + [_]")


@pytest.mark.parametrize("text", ["$ (1", "$ 1;2", "$ x=1", "$ a b", "$ " + "(" * 300, "$ \x00", "$ f'{'"])
def test_what_does_not_compile_is_an_error(text: str) -> None:
    assert errors(text)
    with pytest.raises(ExpressionError):
        compile_value(text)


def test_double_braces_after_a_dollar_are_told():
    errors, _ = check_value({"x": "$ {{ _.name }}"}, loc="main[0].evaluate")
    assert [problem.loc for problem in errors] == ["main[0].evaluate.x"]
    assert errors[0].hint == "write `$ x` instead of `$ {{ x }}`"
