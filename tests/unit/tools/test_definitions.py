"""Definitions of integrations and system tools, checked when they are written; and that a call would not be surprised by any of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import Problem, ToolFailed
from silvercup.tools.arguments import check_arguments
from silvercup.tools.definitions import problems_of
from silvercup.tools.integrations.provider import available, described, later, method_of
from silvercup.tools.integrations.setup import check_setup
from silvercup.tools.mail import PORTS
from silvercup.tools.system.run import OPERATIONS
from tests.support.providers import METHODS, SETUPS, definition

type Path = tuple[str | int, ...]

SECRET = "$ secrets.KEY"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 70_000) | st.text(max_size=3) | st.sampled_from(["http", "587", "a/b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OPEN = {("dummy", "default")}
"""Takes anything."""
CLOSED = [one for one in METHODS if one not in OPEN]


def told(spec: Any) -> list[Problem]:
    return problems_of({"name": "x", "type": "integration", "integration": spec})


def locs(spec: Any) -> list[str]:
    return [problem.loc for problem in told(spec)]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of everything in a JSON value that is no object and no list."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path


def put(value: Any, path: Path, new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def test_every_provider_and_method_is_looked_at():
    names = [*available(), *later()]
    assert sorted(METHODS) == sorted(
        (name, method) for name in names for method in described({"provider": name})[0].methods
    )
    for name, method in CLOSED:
        provider, found = described({"provider": name, "method": method})
        spec = definition(name, method)
        assert spec["setup"].keys() == provider.setup.get("properties", {}).keys()
        assert spec["arguments"].keys() == found.arguments["properties"].keys()


@pytest.mark.parametrize(("provider", "method"), METHODS)
def test_a_full_definition_is_right(provider: str, method: str):
    spec = definition(provider, method)
    assert told(spec) == []
    found, chosen = described(spec)
    check_setup(found, spec["setup"])
    check_arguments(chosen.arguments, spec["arguments"], "x")


@pytest.mark.parametrize(("provider", "method"), METHODS)
def test_arguments_may_come_with_the_call_and_what_is_null_is_absent(provider: str, method: str):
    spec = definition(provider, method)
    for key in spec["arguments"]:
        assert told({**spec, "arguments": {one: value for one, value in spec["arguments"].items() if one != key}}) == []
        assert told({**spec, "arguments": {**spec["arguments"], key: None}}) == []
    for nothing in ({}, None):
        assert told({**spec, "arguments": nothing}) == []
    assert told({**spec, "setup": {**spec["setup"], **dict.fromkeys(optional(provider))}}) == []


def required(provider: str) -> list[str]:
    return list(described({"provider": provider})[0].setup.get("required", ()))


def optional(provider: str) -> list[str]:
    return [key for key in SETUPS[provider] if key not in required(provider)]


NEEDED = [(*one, key) for one in METHODS for key in required(one[0])]


@pytest.mark.parametrize(("provider", "method", "key"), NEEDED)
@pytest.mark.parametrize("how", ["absent", "null", "empty"])
def test_a_setup_that_lacks_a_key_is_told_by_its_name(provider: str, method: str, key: str, how: str):
    spec = definition(provider, method)
    del spec["setup"][key]
    spec["setup"] |= {"absent": {}, "null": {key: None}, "empty": {key: ""}}[how]
    (problem,) = told(spec)
    assert (problem.loc, problem.msg) == (f"integration.setup.{key}", f"is missing; {provider} needs it")


def test_all_that_is_missing_is_told_at_once():
    for setup in ({}, None):
        found = locs({"provider": "email", "setup": setup})
        assert found == [f"integration.setup.{key}" for key in ("host", "port", "user", "password")]
    assert locs({"provider": "email"}) == found


@pytest.mark.parametrize(("provider", "method"), CLOSED)
def test_a_key_that_is_not_known_is_told(provider: str, method: str):
    spec = definition(provider, method)
    spec["setup"]["no_such_key"] = "k"
    spec["arguments"]["no_such_argument"] = 1
    assert locs(spec) == ["integration.setup.no_such_key", "integration.arguments.no_such_argument"]


def test_dummy_takes_anything():
    assert told({"provider": "dummy", "setup": {"a": 1}, "arguments": {"b": [2]}}) == []


@pytest.mark.parametrize(("provider", "method"), METHODS)
def test_a_method_that_is_not_there_is_told_with_those_that_are(provider: str, method: str):
    (problem,) = told({**definition(provider, method), "method": f"{method}s_"})
    assert problem.loc == "integration.method"
    assert problem.msg.startswith(f"{provider} has no method '{method}s_'; it has ")
    assert method in problem.msg
    assert problem.hint == f"Did you mean {method!r}?"


@pytest.mark.parametrize("provider", [*available(), *later()])
def test_without_a_method_the_first_is_meant(provider: str):
    first = next(method for name, method in METHODS if name == provider)
    spec = definition(provider, first)
    for nothing in ({}, {"method": None}):
        assert told({**{key: value for key, value in spec.items() if key != "method"}, **nothing}) == []


@pytest.mark.parametrize(
    ("name", "msg", "hint"),
    [
        ("wikipidia", "'wikipidia' is no provider; there are arxiv, brave, ", "Did you mean 'wikipedia'?"),
        ("mailgum", "'mailgum' is no provider; there are ", "Did you mean 'mailgun'?"),
        ("moon", "'moon' is no provider; there are ", None),
        (3, "must be a string; it is a number; there are arxiv, ", None),
        (["brave"], "must be a string; it is a list; there are arxiv, ", None),
        (None, "is missing; there are arxiv, ", None),
    ],
)
def test_a_provider_that_is_not_there_is_told_with_those_that_are(name: Any, msg: str, hint: str | None):
    (problem,) = told({"provider": name, "setup": {"brave_api_key": "k"}})
    assert problem.loc == "integration.provider"
    assert msg in problem.msg
    assert problem.hint == hint


@pytest.mark.parametrize("provider", later())
def test_what_does_not_run_in_this_version_can_be_defined_and_not_be_called(provider: str):
    method = next(method for name, method in METHODS if name == provider)
    assert told(definition(provider, method)) == []
    with pytest.raises(ToolFailed, match=f"'{provider}' is not available in this version; there are arxiv, "):
        method_of(definition(provider, method))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"provider": "brave", "setup": {"brave_api_key": 3}}, "setup.brave_api_key must be a string"),
        ({"provider": "brave", "setup": "k"}, "setup must be an object; it is a string"),
        ({"provider": "wikipedia", "arguments": ["q"]}, "arguments must be an object; it is a list"),
        ({"provider": "wikipedia", "arguments": {"load_max_docs": 11}}, "arguments.load_max_docs 11 is greater than"),
        ({"provider": "wikipedia", "setup": {"a": 1}}, "setup.a is not known; wikipedia has no setup"),
        ({"provider": "remote_browser", "setup": {"width": 0}}, "setup.width must be at least 1"),
        ({"provider": "remote_browser", "arguments": {"action": "jump"}}, "arguments.action 'jump' is not one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(spec: dict[str, Any], expected: str):
    (problem,) = told(spec)
    assert f"{problem.loc.removeprefix('integration.')} {problem.msg}".startswith(expected)


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ({"http_url": "mcp.example.com"}, ["setup.http_url"]),
        ({"http_url": "ftp://mcp.example.com"}, ["setup.http_url"]),
        ({"http_url": "http://10.0.0.1/mcp"}, []),
        ({"http_url": "http://127.0.0.1:8000/mcp", "transport": "http"}, []),
        ({"http_url": SECRET, "http_headers": {"Authorization": SECRET, "X-A": 1}}, []),
        ({"http_url": "https://{secrets.HOST}/mcp", "http_headers": SECRET}, []),
        ({"http_url": "https://x.example", "http_headers": {"A": "b\r\nc: d"}}, ["setup.http_headers.A"]),
        ({"http_url": "https://x.example", "http_headers": {"Host": "b"}}, ["setup.http_headers.Host"]),
        ({"http_url": "https://x.example", "http_headers": "A: b"}, ["setup.http_headers"]),
        ({"http_url": "https://x.example", "transport": "stdio", "command": "ls"}, ["setup.transport"]),
        ({"transport": "websocket"}, ["setup.http_url", "setup.transport"]),
    ],
)
def test_the_setup_of_mcp(setup: dict[str, Any], expected: list[str]):
    assert locs({"provider": "mcp", "setup": setup}) == [f"integration.{loc}" for loc in expected]


@pytest.mark.parametrize("port", [*PORTS, *map(str, PORTS), SECRET])
def test_ports_of_mail(port: Any):
    assert told({"provider": "email", "setup": {**SETUPS["email"], "port": port}}) == []


@pytest.mark.parametrize("port", [22, "26", True, 587.5, {}])
def test_ports_of_something_else(port: Any):
    assert locs({"provider": "email", "setup": {**SETUPS["email"], "port": port}}) == ["integration.setup.port"]


@given(data=st.data(), one=st.sampled_from(METHODS))
def test_a_secret_may_stand_wherever_a_value_does(data: st.DataObject, one: tuple[str, str]):
    spec = definition(*one)
    inside = {key: spec[key] for key in ("setup", "arguments")}
    for path in data.draw(st.sets(st.sampled_from(list(leaves(inside)))) if any(leaves(inside)) else st.just(set())):
        put(inside, path, data.draw(st.sampled_from([SECRET, "Bearer {secrets.KEY}", "$ int(secrets.KEY)"])))
    assert told({**spec, **inside}) == []


@pytest.mark.parametrize(("provider", "method"), METHODS)
def test_a_secret_may_be_all_of_a_setup_or_of_the_arguments(provider: str, method: str):
    whole = "$ {'k': secrets.KEY}"
    assert told({"provider": provider, "method": method, "setup": whole, "arguments": whole}) == []


@given(data=st.data(), one=st.sampled_from(METHODS))
def test_what_a_call_would_refuse_is_told(data: st.DataObject, one: tuple[str, str]):
    """A part of a full definition is replaced or taken away; where a call fails because of it, the definition is not right."""
    spec = definition(*one)
    part = data.draw(st.sampled_from(["setup", "arguments"]))
    key = data.draw(st.sampled_from([*spec[part], "other"]))
    spec[part][key] = data.draw(JSON)
    provider, method = described(spec)
    given = {name: value for name, value in spec["arguments"].items() if value is not None}
    needed = {name: value for name, value in definition(*one)["arguments"].items() if name not in given}
    try:
        check_setup(provider, spec["setup"])
        check_arguments(method.arguments, {**needed, **given}, "x")
    except ToolFailed:
        assert told(spec)
    else:
        unknown = [loc for loc in locs(spec) if "http_headers" not in loc and not loc.endswith("_url")]
        assert [loc for loc in unknown if not loc.endswith(".other")] == []


def test_no_value_of_a_setup_is_shown():
    for provider, setup in SETUPS.items():
        for key in setup:
            for value in ("hunter2", ["hunter2"], {"hunter2": "hunter2\n"}, "ftp://hunter2/hunter2"):
                found = told({"provider": provider, "setup": {**setup, key: value}})
                assert "hunter2" not in "".join(problem.msg for problem in found)


def system(spec: Any) -> list[tuple[str, str]]:
    return [
        (problem.loc.removeprefix("system."), problem.msg)
        for problem in problems_of({"name": "x", "type": "system", "system": spec})
    ]


def spec_of(name: str) -> dict[str, Any]:
    resource, _, operation = name.partition(".")
    owner, _, inner = resource.partition("/")
    return {"resource": owner, "operation": operation} | ({"subresource": inner} if inner else {})


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_defined(name: str):
    for nothing in ({}, {"arguments": None, "resource_id": None}, {"arguments": {}, "subresource_id": "x"}):
        assert system({**spec_of(name), **nothing}) == []


V1 = {
    "resource": "agent user task execution doc session job".split(),
    "subresource": ["", *"tool doc execution transition".split()],
    "operation": "create update patch create_or_update embed change_status search chat history delete get list".split(),
}


def test_of_v1s_words_those_that_mean_something_are_right():
    for resource, inner, operation in product(*V1.values()):
        name = f"{resource}/{inner}.{operation}" if inner else f"{resource}.{operation}"
        spec = {"resource": resource, "operation": operation, "subresource": inner or None}
        found = system(spec)
        assert bool(found) == (name not in OPERATIONS), name
        assert all(loc in {"subresource", "operation"} and "; there are " in msg for loc, msg in found), name


@pytest.mark.parametrize(
    ("spec", "loc", "said"),
    [
        ({}, "resource", "is missing; there are agent, user, session, task, doc, file, execution, job"),
        ({"resource": "agnet"}, "resource", "'agnet' is no resource; there are agent"),
        ({"resource": ["agent"]}, "resource", "is no resource"),
        ({"resource": "agent", "operation": "fly"}, "operation", "'fly' is no operation of agent; there are list, get"),
        ({"resource": "agent"}, "operation", "is missing; there are list"),
        (
            {"resource": "agent", "subresource": "cloud", "operation": "list"},
            "subresource",
            "'cloud' is no subresource of agent; there are tool, doc",
        ),
        (
            {"resource": "doc", "subresource": "x", "operation": "list"},
            "subresource",
            "'x' is no subresource of doc; there are none",
        ),
        (
            {"resource": "agent", "subresource": "doc", "operation": "patch"},
            "operation",
            "'patch' is no operation of agent/doc; there are",
        ),
        ({**spec_of("agent.get"), "arguments": [1]}, "arguments", "must be an object; it is a list"),
        ({**spec_of("agent.get"), "arguments": {"agent_id": "x"}}, "arguments.agent_id", "must be a UUID; it is 'x'"),
        ({**spec_of("agent.get"), "arguments": {"agent_id": 3}}, "arguments.agent_id", "3 is not of type 'string'"),
        ({**spec_of("agent.get"), "resource_id": "x"}, "resource_id", "must be a UUID; it is 'x'"),
        ({**spec_of("agent.get"), "resource_id": 3}, "resource_id", "3 is not of type 'string'"),
        ({**spec_of("agent.list"), "arguments": {"limits": 1}}, "arguments.limits", "is not known"),
        ({**spec_of("agent.list"), "arguments": {"limit": "1"}}, "arguments.limit", "'1' is not of type 'integer'"),
        (
            {**spec_of("agent.create"), "arguments": {"data": {"metadata": 1}}},
            "arguments.data.metadata",
            "1 is not of type 'object'",
        ),
        (
            {**spec_of("agent.create"), "arguments": {"data": {"nam": "x"}}},
            "arguments.data.nam",
            "is not known",
        ),
        ({**spec_of("agent.create"), "arguments": {"data": "x"}}, "arguments.data", "is not known"),
        (
            {**spec_of("agent/doc.search"), "arguments": {"search_params": {"limit": 100}}},
            "arguments.search_params.limit",
            "100 is greater than the maximum",
        ),
    ],
)
def test_what_is_wrong_with_a_system_tool_is_told(spec: dict[str, Any], loc: str, said: str):
    ((found, msg),) = system(spec)
    assert found == loc
    assert said in msg


@pytest.mark.parametrize(
    "spec",
    [
        {**spec_of("agent.get"), "resource_id": "00000000-0000-0000-0000-000000000001"},
        {**spec_of("agent.list"), "resource_id": "anything"},
        {**spec_of("agent.get"), "arguments": {"agent_id": SECRET}},
        {**spec_of("agent.get"), "resource_id": SECRET},
        {**spec_of("agent.list"), "arguments": {"limit": SECRET, "offset": None}},
        {**spec_of("task.create"), "arguments": {"name": "T", "main": [], "another": []}},
        {**spec_of("agent.create"), "arguments": {"data": {"name": "x"}, "about": "y"}},
    ],
)
def test_what_is_right_of_a_system_tool(spec: dict[str, Any]):
    assert system(spec) == []


@pytest.mark.parametrize(
    "tool",
    [
        {},
        {"type": 3},
        {"type": "integration"},
        {"type": "integration", "integration": "brave"},
        {"type": "nothing", "nothing": {}},
        {"type": "function"},
        {"type": "computer_20241022", "computer_20241022": {"display_width_px": "wide"}},
        {"type": "text_editor_20241022", "text_editor_20241022": {}},
        {"type": "bash_20241022", "bash_20241022": {"a": 1}},
        {"type": "function", "function": {"parameters": None, "name": None, "description": None}},
        {"type": "function", "function": {"parameters": {}}},
        {"type": "function", "function": {"parameters": {"properties": {"a": {"pattern": "(?=a)b"}}}}},
    ],
)
def test_nothing_is_said_of_what_is_told_elsewhere_or_right(tool: dict[str, Any]):
    before = copy.deepcopy(tool)
    assert problems_of(tool) == []
    assert tool == before


@pytest.mark.parametrize(
    ("parameters", "loc", "said"),
    [
        ([], "", "must be a JSON Schema, an object; it is an empty list"),
        ("$ _", "", "must be a JSON Schema, an object; it is a string"),
        ({"type": "string"}, ".type", "must be 'object'"),
        ({"type": "objekt"}, ".type", '"objekt" is no type'),
        ({"properties": {"a": 3}}, ".properties.a", "is no valid JSON Schema"),
        ({"required": "a"}, ".required", "is no valid JSON Schema"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, ".properties.a.$ref", "leads nowhere"),
    ],
)
def test_parameters_of_functions_are_a_json_schema_of_an_object(parameters: Any, loc: str, said: str):
    (problem,) = problems_of({"type": "function", "function": {"parameters": parameters}})
    assert problem.loc == f"function.parameters{loc}"
    assert said in problem.msg


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["$ secrets", "$ secrets.", "{secrets}", "{secrets.A", "$ (", "brave", "agent", "GET", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "provider method setup arguments resource subresource operation resource_id url headers cookies params data timeout params_schema"
    " parameters secrets".split()
)


@given(
    kind=st.sampled_from(["integration", "system", "api_call", "function"]),
    spec=st.dictionaries(KEYS, ODD, max_size=5),
    known=st.sampled_from([{}, {"provider": "mcp"}, {"provider": "email"}, spec_of("task.create")]),
)
def test_no_definition_is_too_odd_to_be_checked(kind: str, spec: dict[str, Any], known: dict[str, Any]):
    for problem in problems_of({"type": kind, kind: {**spec, **known}}):
        assert problem.loc.startswith(f"{kind}.")
        assert problem.msg


@pytest.mark.parametrize("key", ["parameters", "params_schema", "setup", "arguments", "json"])
def test_nor_is_it_too_deep(key: str):
    deep: Any = {}
    for _ in range(10_000):
        deep = {"properties": deep}
    for kind, known in (
        ("function", {}),
        ("api_call", {"method": "GET", "url": "https://x.example"}),
        ("integration", {"provider": "dummy"}),
        ("integration", {"provider": "spider", "setup": {"spider_api_key": "k"}}),
    ):
        problems_of({"type": kind, kind: {**known, key: deep}})
