"""Requests as ``api_call`` tools put them together; what is sent is looked at, nothing is."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import ToolFailed
from silvercup.tools.api_call import run_api_call
from silvercup.tools.calls import ToolCall
from silvercup.tools.outgoing import HttpAnswer, HttpRequest
from silvercup.tools.targets import target_of

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Sender:
    """Keeps what it is to send."""

    def __init__(self, answer: HttpAnswer | None = None) -> None:
        self.sent: list[HttpRequest] = []
        self._answer = answer or HttpAnswer(200, "OK", {"a": "b"}, b'{"x": 1}', "https://api.example")

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        self.sent.append(request)
        return self._answer


def made(
    spec: dict[str, Any], arguments: dict[str, Any], *, by_model: bool = False, seconds: float = 30
) -> HttpRequest:
    sender = Sender()
    run(spec, arguments, sender, by_model=by_model, seconds=seconds)
    return sender.sent[0]


def run(
    spec: dict[str, Any], arguments: dict[str, Any], sender: Sender, *, by_model: bool = False, seconds: float = 30
) -> dict[str, Any]:
    spec = {"method": "GET", "url": "https://api.example/v1", **spec}
    tool = {"name": "look", "type": "api_call", "api_call": spec}
    return run_api_call(ToolCall("t", tool, arguments, seconds, by_model=by_model), sender)


def refused(spec: dict[str, Any], arguments: dict[str, Any], *, by_model: bool = False) -> str:
    with pytest.raises(ToolFailed) as caught:
        made(spec, arguments, by_model=by_model)
    return caught.value.message


def query(request: HttpRequest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.url).query, keep_blank_values=True)


def test_the_result_is_v1s():
    result = run({}, {}, Sender())
    assert result == {
        "status_code": 200,
        "headers": {"a": "b"},
        "content": base64.b64encode(b'{"x": 1}').decode(),
        "json": {"x": 1},
    }


@pytest.mark.parametrize("body", [b"", b"text", b"NaN", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_has_none(body: bytes):
    assert run({}, {}, Sender(HttpAnswer(200, "", {}, body)))["json"] is None


@pytest.mark.parametrize(
    ("spec", "arguments", "there"),
    [
        ({"include_response_content": False}, {}, False),
        ({}, {"include_response_content": False}, False),
        ({}, {}, True),
    ],
)
def test_the_content_is_left_out_on_request(spec: dict[str, Any], arguments: dict[str, Any], there: bool):
    assert ("content" in run(spec, arguments, Sender())) == there


PNG = b"\x89PNG\r\n"


@pytest.mark.parametrize(
    ("body", "shown", "seen"),
    [
        (b'{"x": 1}', None, {"json": {"x": 1}}),
        ("Grüße".encode(), None, {"json": None, "text": "Grüße"}),
        (b"", None, {"json": None, "text": ""}),
        (PNG, None, {"json": None, "content": base64.b64encode(PNG).decode()}),
        (b'{"x": 1}', True, {"json": {"x": 1}, "content": base64.b64encode(b'{"x": 1}').decode()}),
        (b"hi", True, {"json": None, "content": base64.b64encode(b"hi").decode()}),
        (b"hi", False, {"json": None}),
    ],
)
def test_a_model_is_shown_what_it_can_read(body: bytes, shown: bool | None, seen: dict[str, Any]):
    sender = Sender(HttpAnswer(200, "OK", {}, body, "https://api.example"))
    found = run({"include_response_content": shown}, {}, sender, by_model=True)
    assert found == {"status_code": 200, "headers": {}, **seen}


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "get"])
def test_flat_arguments_are_the_query_where_there_is_no_body(method: str):
    request = made({"method": method, "params": {"a": "1", "b": "2"}}, {"b": 3, "c": True, "d": ["x", "y"], "e": None})
    assert query(request) == {"a": ["1"], "b": ["3"], "c": ["true"], "d": ["x", "y"]}
    assert request.body is None


def test_flat_arguments_are_keys_of_the_body_elsewhere():
    request = made({"method": "POST", "json": {"a": 1, "b": 2}}, {"b": 3, "c": {"d": None}})
    assert json.loads(request.body or b"") == {"a": 1, "b": 3, "c": {"d": None}}
    assert request.headers["Content-Type"] == "application/json"


def test_v1s_arguments_keep_their_meaning():
    arguments = {"params": {"q": "a b&c"}, "json_": {"x": 1}, "headers": {"X-A": "1"}, "cookies": {"s": "v"}}
    request = made({"method": "PUT", "cookies": {"r": "w"}}, {**arguments, "timeout": 5, "follow_redirects": True})
    assert query(request) == {"q": ["a b&c"]}
    assert request.body == b'{"x":1}'
    assert request.headers["X-A"] == "1"
    assert request.headers["Cookie"] == "r=w; s=v"
    assert (request.seconds, request.follow_redirects) == (5.0, True)


def test_forms_and_raw_content():
    form = made({"method": "POST", "data": {"a": "ä"}}, {"data": {"b": [1, 2]}, "c": 3})
    assert form.body == b"a=%C3%A4&c=3&b=1&b=2"
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"
    raw = made({"method": "POST", "headers": {"content-type": "text/csv"}}, {"content": "a,b"})
    assert (raw.body, raw.headers) == (b"a,b", {"content-type": "text/csv"})
    assert made({"method": "POST", "json": {"a": 1}}, {"content": "x"}).body == b"x"


def test_a_query_in_the_url_or_as_a_string_is_added_to():
    assert made({"url": "https://api.example/v1?a=1#f"}, {"b": 2}).url == "https://api.example/v1?a=1&b=2#f"
    assert query(made({"params": "a=1&a=2"}, {"params": {"b": "3"}})) == {"a": ["1", "2"], "b": ["3"]}


def test_the_definitions_headers_win_whatever_their_case():
    request = made({"headers": {"Authorization": "mine"}}, {"headers": {"authorization": "theirs", "X-B": "b"}})
    assert request.headers == {"Authorization": "mine", "X-B": "b"}


def test_places_of_the_url_are_filled_and_not_sent_again():
    request = made(
        {"url": "https://{region}.api.example/c/{city}?d={day}"},
        {"region": "eu", "city": "a/b?c#d e", "day": 3, "x": 1},
    )
    assert request.url == "https://eu.api.example/c/a%2Fb%3Fc%23d%20e?d=3&x=1"
    assert "'city' is missing; the url needs it" in refused({"url": "https://api.example/{city}"}, {})


@pytest.mark.parametrize(
    ("template", "arguments"), [("{a}/x", {"a": ".."}), ("{a}{b}", {"a": ".", "b": "."}), ("{a}", {"a": "."})]
)
def test_an_argument_can_not_climb_out_of_its_place(template: str, arguments: dict[str, str]):
    assert "path of dots" in refused({"url": f"https://api.example/open/{template}"}, arguments)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_argument_changes_where_a_request_goes(first: str, second: str):
    template = "https://api.example/open/{a}/list?b={b}"
    if first in {".", ".."}:
        assert "path of dots" in refused({"url": template}, {"a": first, "b": second}, by_model=True)
        return
    request = made({"url": template}, {"a": first, "b": second}, by_model=True)
    target = target_of(request.url)
    path, _, found = target.path.partition("?")
    assert target.origin == ("https", "api.example", 443)
    assert (path.count("/"), path[:6], path[-5:], found.count("&"), found.count("=")) == (3, "/open/", "/list", 0, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nEvil: 1"},
        {"X-A": "b\nEvil: 1"},
        {"X-A": "b\0"},
        {"X-A\r\nEvil": "1"},
        {"X A": "1"},
        {"": "1"},
        {"X-A:": "1"},
        {"X-Ä": "1"},
        {"X-A": "✓"},
        {"X-A": ["a"]},
        {"Host": "evil.example"},
        {"Content-Length": "0"},
        {"transfer-encoding": "chunked"},
        {"Connection": "close"},
        {"Proxy-Authorization": "x"},
        {"Upgrade": "h2c"},
        {"Expect": "100-continue"},
        {"TE": "trailers"},
    ],
)
def test_headers_that_break_out_or_are_not_the_tools(headers: dict[str, Any]):
    assert "headers: " in refused({}, {"headers": headers})
    assert "headers: " in refused({"headers": headers}, {})


@pytest.mark.parametrize("cookies", [{"a": "b; c=d"}, {"a": "b\r\nX: y"}, {"a;b": "c"}, {"a": "ü"}, {"a": {}}])
def test_cookies_that_break_out(cookies: dict[str, Any]):
    assert "cookie" in refused({"cookies": cookies}, {})


@pytest.mark.parametrize(
    ("spec", "arguments", "why"),
    [
        ({"method": "CONNECT"}, {}, "the method 'CONNECT' is not one of DELETE, GET"),
        ({"method": None}, {}, "the method None"),
        ({"url": None}, {}, "the url must be a string"),
        ({"method": "POST"}, {"json": {}, "data": {}}, "one body only"),
        ({"method": "POST"}, {"content": "x", "a": 1}, "no place for a"),
        ({"method": "POST"}, {"json": [1], "a": 1}, "no place for a"),
        ({"params": 3}, {}, "look.params must be an object"),
        ({}, {"params": {"a": {"b": 1}}}, "the query's 'a' must be a string"),
        ({"timeout": "5"}, {}, "the timeout must be a number"),
        ({"timeout": 0}, {}, "the timeout must be a number"),
        ({}, {"files": {}}, "files can't be given in this version"),
        ({"method": "POST", "files": {"a": "b"}}, {}, "files can't be given in this version"),
        ({}, {"auth": ["a", "b"]}, "auth can't be given"),
        ({"method": "POST"}, {"json": {"a": float("nan")}}, "can't be written as JSON"),
    ],
)
def test_what_is_not_well_formed_is_said(spec: dict[str, Any], arguments: dict[str, Any], why: str):
    assert why in refused(spec, arguments)


def test_the_time_is_that_which_is_left():
    assert made({"timeout": 100}, {}, seconds=7).seconds == 7
    assert made({}, {}, seconds=7).seconds == 7


def test_a_models_arguments_are_held_against_the_schema_it_was_shown():
    spec = {"params_schema": SCHEMA}
    assert query(made(spec, {"city": "X"}, by_model=True)) == {"city": ["X"]}
    assert "arguments: 'city' is a required property" in refused(spec, {}, by_model=True)
    assert "arguments.city: 3 is not of type 'string'" in refused(spec, {"city": 3}, by_model=True)
    assert made(spec, {}, by_model=False).url == "https://api.example/v1"
    assert "is not JSON Schema" in refused({"params_schema": {"type": "objekt"}}, {}, by_model=True)


@pytest.mark.parametrize(
    "name", ["url", "method", "headers", "cookies", "timeout", "follow_redirects", "include_response_content"]
)
def test_a_model_does_not_choose_where_a_request_goes_and_as_whom(name: str):
    value = {"url": "https://evil.example/", "method": "DELETE", "headers": {}, "cookies": {}}.get(name, 1)
    assert f"{name} can't be changed by a call" in refused({}, {name: value}, by_model=True)
    made({}, {name: value}, by_model=False)


def test_where_a_model_chooses_the_address_no_key_goes_to_another_origin():
    schema = {"type": "object", "properties": {"url": {"type": "string"}}}
    spec = {"params_schema": schema, "headers": {"X-Key": "k"}, "params": {"key": "k"}, "cookies": {"s": "k"}}
    there = made(spec, {"url": "https://evil.example/"}, by_model=True)
    assert (there.url, there.headers) == ("https://evil.example/", {})
    same = made(spec, {"url": "https://api.example/other"}, by_model=True)
    assert (same.url, same.headers) == ("https://api.example/other?key=k", {"Cookie": "s=k", "X-Key": "k"})
    authors = made(spec, {"url": "https://other.example/"}, by_model=False)
    assert authors.headers["X-Key"] == "k"


@pytest.mark.parametrize(("status", "transient"), [(400, False), (404, False), (429, True), (500, True), (503, True)])
def test_a_status_of_an_error_fails_with_the_beginning_of_the_body(status: int, transient: bool):
    answer = HttpAnswer(status, "Why", {}, ("ä" * 600).encode(), "https://api.example")
    with pytest.raises(ToolFailed) as caught:
        run({}, {}, Sender(answer))
    assert caught.value.transient == transient
    assert f"GET https://api.example answered {status} Why" in caught.value.message
    assert caught.value.message.count("ä") == 500


def test_a_redirect_that_is_not_followed_fails():
    with pytest.raises(ToolFailed, match="a redirect to /login; with follow_redirects it is followed"):
        run({}, {}, Sender(HttpAnswer(302, "Found", {"location": "/login?token=s"}, b"", "https://api.example")))
