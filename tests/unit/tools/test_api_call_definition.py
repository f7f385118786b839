"""Definitions of ``api_call`` tools, checked when they are written; and that a call has nothing more against what they fix."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import ToolFailed
from silvercup.tools.api_call import run_api_call
from silvercup.tools.calls import ToolCall
from silvercup.tools.definitions import problems_of
from silvercup.tools.outgoing import METHODS, HttpAnswer, HttpRequest

SECRET = "$ secrets.KEY"
SPEC: dict[str, Any] = {"method": "GET", "url": "https://api.example/v1"}
FULL: dict[str, Any] = {
    "method": "POST",
    "url": "https://api.example/v1/{city}?a=1#b",
    "schema": {"type": "object"},
    "headers": {"X-A": "b", "X-N": 3, "X-F": True},
    "secrets": {"key": {"name": "KEY"}},
    "content": None,
    "data": {"a": ["b", 1], "c": None},
    "files": None,
    "json": None,
    "cookies": {"s": "v"},
    "params": {"q": "x", "n": [1, 2]},
    "params_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "follow_redirects": True,
    "timeout": 0.5,
    "include_response_content": False,
}


def told(**fields: Any) -> list[tuple[str, str]]:
    tool = {"name": "look", "type": "api_call", "api_call": {**SPEC, **fields}}
    return [(problem.loc.removeprefix("api_call."), problem.msg) for problem in problems_of(tool)]


def test_a_full_definition_is_right():
    assert told(**FULL) == []


@pytest.mark.parametrize("method", sorted(METHODS | {method.lower() for method in METHODS}))
def test_methods(method: str):
    assert told(method=method) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://x",
        "https://x.example:8443/a b?c=ä",
        "https://bücher.example/",
        "https://{region}.api.example/{{id}}.json",
        "https://{host}/",
        "https://x.example:{port}/",
        "{scheme}://x.example/",
        "http://127.0.0.1:8080/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        SECRET,
        "$ f'https://{secrets.HOST}/'",
        "https://{secrets.HOST}/v1",
        "{secrets.URL}",
    ],
)
def test_urls_that_may_be_called(url: str):
    assert told(url=url) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "it is not absolute"),
        ("/v1", "it is not absolute"),
        ("x.example", "it is not absolute"),
        ("{url}", "it is not absolute"),
        ("ftp://x.example/{path}", "its scheme is ftp"),
        ("https://user:pw@x.example/", "a user before the host"),
        ("https://x.example:0/", "the port 0"),
        ("https://0x7f.1/", "unusual notation"),
        ("https://{host}.-/", "its host is not a name"),
        ("$ 'https://' + 'x.example'", "it is not absolute"),
        (3, "must be a string; it is a number"),
        ({}, "must be a string; it is an empty object"),
    ],
)
def test_urls_that_can_not_be_called(url: Any, why: str):
    ((loc, msg),) = told(url=url)
    assert loc == "url"
    assert why in msg


def test_an_expression_that_is_never_evaluated_is_explained():
    (problem,) = problems_of({"type": "api_call", "api_call": {**SPEC, "url": "$ 'https://x.example'"}})
    assert "names a secret" in (problem.hint or "")


def test_method_and_url_are_needed():
    tool = {"name": "look", "type": "api_call", "api_call": {"method": None}}
    assert [(problem.loc, problem.msg) for problem in problems_of(tool)] == [
        ("api_call.method", "is missing"),
        ("api_call.url", "is missing"),
    ]


@pytest.mark.parametrize(
    ("fields", "loc", "why"),
    [
        ({"method": "CONNECT"}, "method", "'CONNECT' is not one of DELETE, GET"),
        ({"method": 1}, "method", "is not one of"),
        ({"headers": ["X-A"]}, "headers", "must be an object; it is a list"),
        ({"headers": {"X-A": ["b"]}}, "headers.X-A", "must be a string; it is a list"),
        ({"headers": {"X-A": None}}, "headers.X-A", "must be a string; it is null"),
        ({"headers": {"X A": "b"}}, "headers.X A", "is not a header's name"),
        ({"headers": {"host": "b"}}, "headers.host", "is set by Silvercup itself"),
        ({"headers": {"X-A": "b\r\nc: d"}}, "headers.X-A", "has line breaks"),
        ({"cookies": "s=v"}, "cookies", "must be an object"),
        ({"cookies": {"s": "a;b"}}, "cookies.s", "has characters that no cookie can hold"),
        ({"cookies": {"a;b": "c"}}, "cookies.a;b", "has characters that no cookie can hold"),
        ({"cookies": {"s": {}}}, "cookies.s", "must be a string, a number or a boolean; it is an empty object"),
        ({"params": 3}, "params", "must be an object or a string; it is a number"),
        ({"params": {"a": {"b": 1}}}, "params.a", "must be a string, a number or a boolean; it is an object"),
        ({"params": {"a": [1, [2]]}}, "params.a", "must be a string, a number or a boolean; it is a list"),
        ({"data": [1]}, "data", "must be a string, a number or a boolean; it is a list"),
        ({"data": {"a": {}}}, "data.a", "must be a string, a number or a boolean"),
        ({"content": {}}, "content", "must be a string, a number or a boolean"),
        ({"timeout": "5"}, "timeout", "must be a number of seconds above 0; it is '5'"),
        ({"timeout": 0}, "timeout", "must be a number of seconds above 0"),
        ({"timeout": True}, "timeout", "must be a number of seconds above 0"),
        ({"follow_redirects": "true"}, "follow_redirects", "must be true or false; it is a string"),
        ({"include_response_content": 0}, "include_response_content", "must be true or false; it is a number"),
        ({"files": {}}, "files", "can't be given in this version"),
        ({"auth": ["a", "b"]}, "auth", "can't be given in this version"),
        ({"secrets": ["KEY"]}, "secrets", "must be an object; it is a list"),
        ({"secrets": {"key": "KEY"}}, "secrets.key", 'must be an object such as {"name": "MY_KEY"}'),
        ({"schema": "x"}, "schema", "must be an object; it is a string"),
        ({"arguments": "x"}, "arguments", "must be an object; it is a string"),
        ({"arguments": {"timeout": 0}}, "arguments.timeout", "must be a number of seconds above 0"),
        ({"arguments": {"headers": {"Host": "x"}}}, "arguments.headers.Host", "is set by Silvercup itself"),
        ({"arguments": {"files": {}}}, "arguments.files", "can't be given in this version"),
        ({"json": "$ secrets"}, "json", "a secret is named as it is"),
        ({"json": {"a": [1, {"b": "$ secrets.A +"}]}}, "json.a[1].b", "syntax error"),
        ({"url": "$ secrets[secrets.A]"}, "url", "a secret is named as it is"),
        ({"params_schema": []}, "params_schema", "must be a JSON Schema"),
        ({"params_schema": {"type": "array"}}, "params_schema.type", "must be 'object'"),
        ({"params_schema": {"type": "objekt"}}, "params_schema.type", '"objekt" is no type'),
        (
            {"params_schema": {"properties": {"a": {"pattern": "(?=a)b"}}}},
            "params_schema.properties.a.pattern",
            "is no regex",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: dict[str, Any], loc: str, why: str):
    ((found, msg),) = told(**fields)
    assert found == loc
    assert why in msg


def test_all_of_it_is_told_at_once():
    fields = {"method": "LOOK", "url": "x", "headers": {"Host": "a", "X-B": "b", "X-C": []}, "timeout": -1}
    assert [loc for loc, _ in told(**fields)] == ["method", "url", "headers.Host", "headers.X-C", "timeout"]


def test_what_v1_passed_over_is_passed_over():
    assert told(arguments={"city": [1], "schema": "x", "secrets": 1, "params_schema": 1}, params_schema={}) == []
    assert told(schema={"description": "$ secrets"}, json={"price": "$ 5 off"}) == []
    assert told(**{"x-return-format": "markdown", "Authorization": 3, "name": None}) == []


@pytest.mark.parametrize(
    "fields",
    [
        *({key: SECRET} for key in FULL if key not in {"schema", "params_schema", "files"}),
        {"headers": {"Authorization": "$ f'Bearer {secrets.KEY}'", "X-A": "{secrets.KEY}"}},
        {"cookies": {"s": "{secrets.KEY};"}, "params": {"q": SECRET}, "data": {"a": SECRET}},
        {"files": None, "auth": None},
    ],
)
def test_where_a_secret_is_named_nothing_is_known_yet(fields: dict[str, Any]):
    assert told(**fields) == []


class Sender:
    def send(self, request: HttpRequest, /) -> HttpAnswer:
        return HttpAnswer(200, "OK", {}, b"{}")


FIELDS = ["method", "url", "headers", "cookies", "params", "data", "content", "timeout", "json", "follow_redirects"]
WORDS = st.sampled_from(["GET", "post", "https://x.example", "a;b", "X-A", "Host", "ü", "\r\n", "5", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 99) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_what_has_no_problem_can_be_sent_and_what_can_not_has_one(field: str, value: Any):
    found = told(**{field: value})
    tool = {"name": "look", "type": "api_call", "api_call": {**SPEC, field: value}}
    try:
        run_api_call(ToolCall("t", tool, {}, 30, by_model=False), Sender())
    except ToolFailed:
        assert found
    else:
        assert [loc for loc, _ in found if loc not in {"follow_redirects", "url"}] == []
