"""Secrets in the definitions of tools: where they go, where they don't, and that nothing of them comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from silvercup.errors import ToolFailed, TransientError
from silvercup.tools.calls import ToolCall
from silvercup.tools.outgoing import HttpAnswer, HttpRequest
from silvercup.tools.runner import ToolRunner
from tests.support.secrets import found_in

TOKEN, OTHER = 'planted "token"/1', "planted-other-2"
KNOWN = {"TOKEN": TOKEN, "OTHER": OTHER, "BRACES": "planted{city}3", "SHORT": "abc"}


class Values:
    """The secrets that there are."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str], str | None]] = []

    def values(self, tenant: str, names: Iterable[str], agent_id: str | None = None, /) -> dict[str, str]:
        names = sorted(names)
        self.asked.append((tenant, names, agent_id))
        return {name: KNOWN[name] for name in names if name in KNOWN}


class Echo:
    """Answers with all that it was sent."""

    def __init__(self, status: int = 200) -> None:
        self.sent: list[HttpRequest] = []
        self._status = status

    def send(self, request: HttpRequest, /) -> HttpAnswer:
        self.sent.append(request)
        said = {"url": request.url, "headers": dict(request.headers), "body": (request.body or b"").decode()}
        basic = base64.b64encode(f"user:{TOKEN}".encode()).decode()
        body = json.dumps({**said, "basic": basic, "quoted": quote(TOKEN)}).encode()
        headers = {f"x-{name.lower()}": value for name, value in request.headers.items()}
        return HttpAnswer(self._status, f"Said {TOKEN}", headers, body, "https://api.example")


def run(tool: dict[str, Any], arguments: dict[str, Any], sender: Echo, values: Values, **call: Any) -> Any:
    nothing: Any = None
    runner = ToolRunner(nothing, lambda: sender, {}, lambda: values, nothing)
    return runner.run(ToolCall("t", {"name": "use", **tool}, arguments, 30, agent_id="a", **call))


def api_call(arguments: dict[str, Any] | None = None, /, **spec: Any) -> tuple[HttpRequest, Any, Values]:
    sender, values = Echo(), Values()
    tool = {"type": "api_call", "api_call": {"method": "GET", "url": "https://api.example/v1", **spec}}
    result = run(tool, arguments or {}, sender, values)
    return sender.sent[0], result, values


@pytest.mark.parametrize(
    "text",
    [
        '$ f"Bearer {secrets.TOKEN}"',
        "$ 'Bearer ' + secrets['TOKEN']",
        "Bearer {secrets.TOKEN}",
        "Bearer {{secrets.TOKEN}}",
        "$ 'Bearer ' + secrets.get('TOKEN')",
    ],
)
def test_a_definition_names_secrets_in_expressions_and_texts(text: str):
    request, _, values = api_call(headers={"Authorization": text})
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert values.asked == [("t", ["TOKEN"], "a")]


def test_all_that_is_sent_can_have_them():
    request, _, values = api_call(
        {"city": "Oslo"},
        method="POST",
        url="https://api.example/{secrets.OTHER}/{city}",
        params={"key": "$ secrets.TOKEN", "plain": "$ 5 off", "n": 5},
        cookies={"c": "$ secrets.OTHER"},
        json={"deep": [{"er": "{secrets.TOKEN}!"}], "as": "[1, 2] {it} _.is"},
    )
    url = urlsplit(request.url)
    assert url.path == f"/{OTHER}/Oslo"
    assert parse_qs(url.query) == {"key": [TOKEN], "plain": ["$ 5 off"], "n": ["5"]}
    assert request.headers["Cookie"] == f"c={OTHER}"
    assert json.loads(request.body or b"") == {"deep": [{"er": f"{TOKEN}!"}], "as": "[1, 2] {it} _.is"}
    assert values.asked == [("t", ["OTHER", "TOKEN"], "a")]


def test_v1s_map_of_references_is_taken():
    request, _, values = api_call(secrets={"key": {"name": "TOKEN"}}, headers={"X": "$ secrets.key"})
    assert request.headers["X"] == TOKEN
    assert values.asked == [("t", ["TOKEN"], "a")]


def test_braces_of_a_value_are_no_places_of_the_url():
    request, _, _ = api_call({"city": "Oslo"}, url="https://api.example/{secrets.BRACES}/{city}")
    assert urlsplit(request.url).path == "/planted%7Bcity%7D3/Oslo"


def test_a_definition_without_secrets_reads_none():
    request, _, values = api_call({"params": {"q": "{secrets.TOKEN}"}}, headers={"X": "secrets of {the} trade"})
    assert request.headers["X"] == "secrets of {the} trade"
    assert values.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"params": {"q": "$ secrets.TOKEN"}},
        {"q": "{secrets.TOKEN}"},
        {"city": "{secrets.TOKEN}", "params": {"q": '$ f"{secrets.OTHER}"'}},
    ],
)
def test_what_a_call_brings_names_no_secret(arguments: dict[str, Any]):
    request, _, values = api_call(
        arguments,
        url="https://api.example/{city}" if "city" in arguments else "https://a.b",
        headers={"X": "$ secrets.TOKEN"},
    )
    assert request.headers["X"] == TOKEN
    assert not found_in(request.url, [TOKEN, OTHER])
    assert values.asked == [("t", ["TOKEN"], "a")]


def test_nothing_of_the_values_comes_back():
    named: dict[str, Any] = {"headers": {"X": "$ secrets.TOKEN"}, "params": {"k": "{secrets.OTHER}"}}
    _, result, _ = api_call(**named, include_response_content=True)
    shown = json.dumps(result) + base64.b64decode(result["content"]).decode()
    assert not found_in(shown, [TOKEN, OTHER])
    assert result["json"]["headers"]["X"] == "***"
    assert result["headers"]["x-x"] == "***"
    assert result["json"]["quoted"] == "***"


@pytest.mark.parametrize("status", [400, 503, 302])
def test_nothing_of_the_values_is_in_an_error(status: int):
    spec = {"method": "GET", "url": "https://api.example/", "headers": {"X": "$ secrets.TOKEN"}}
    with pytest.raises(ToolFailed) as caught:
        run({"type": "api_call", "api_call": spec}, {}, Echo(status), Values())
    assert str(status) in caught.value.message
    assert not found_in(caught.value.message, [TOKEN])
    assert caught.value.transient == (status == 503)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"X": "$ secrets.NOT_THERE"}, "NOT_THERE"),
        ({"X": "$ secrets.TOKEN + 1"}, "TOKEN"),
        ({"X": "$ secrets['TO' + 'KEN']"}, "can't be computed"),
        ({"X": "$ list(secrets)"}, "can't be computed"),
        ({"X": "{secrets}"}, "can't be computed"),
        ({"X": "$ secrets.TOKEN +"}, "syntax error"),
        ({"X": "$ secrets.TOKEN + '\\n' + 'x'"}, "line breaks"),
        ({"X": "$ int(secrets.TOKEN)"}, "int"),
    ],
)
def test_what_is_wrong_is_said_without_the_values(headers: dict[str, str], said: str):
    sender = Echo()
    spec = {"method": "GET", "url": "https://api.example/", "headers": headers}
    with pytest.raises(ToolFailed) as caught:
        run({"type": "api_call", "api_call": spec}, {}, sender, Values())
    assert said in caught.value.message
    assert caught.value.message.startswith("use")
    assert not found_in(caught.value.message, KNOWN.values())
    assert sender.sent == []


@pytest.mark.parametrize("wrong", [{"key": "TOKEN"}, {"key": {"name": 1}}, {"key": {}}])
def test_a_wrong_reference_is_told(wrong: dict[str, Any]):
    with pytest.raises(ToolFailed, match=r"secrets\.key"):
        api_call(secrets=wrong, headers={"X": "$ secrets.key"})


def test_another_origin_gets_nothing_of_the_definition_that_has_a_secret():
    schema = {"type": "object", "properties": {"url": {"type": "string"}, "method": {"type": "string"}}}
    sender = Echo()
    spec = {
        "method": "POST",
        "url": "https://api.example/",
        "headers": {"X": "$ secrets.TOKEN"},
        "json": {"key": "$ secrets.OTHER"},
        "params_schema": schema,
    }
    run({"type": "api_call", "api_call": spec}, {"url": "https://evil.example/"}, sender, Values())
    run({"type": "api_call", "api_call": spec}, {"url": "https://api.example/other"}, sender, Values())
    there, here = sender.sent
    assert not found_in(there.url + repr(dict(there.headers)) + repr(there.body), [TOKEN, OTHER])
    assert here.headers["X"] == TOKEN
    assert json.loads(here.body or b"") == {"key": OTHER}


def test_a_tool_that_a_model_has_defined_is_given_none():
    sender, values = Echo(), Values()
    spec = {"method": "GET", "url": "https://evil.example/", "headers": {"X": "$ secrets.TOKEN"}}
    with pytest.raises(ToolFailed, match="no secrets"):
        run({"type": "api_call", "api_call": spec}, {}, sender, values, may_use_secrets=False)
    assert (sender.sent, values.asked) == ([], [])


def test_integrations_are_set_up_with_secrets():
    sender, values = Echo(404), Values()
    spec = {"provider": "brave", "setup": {"brave_api_key": "$ secrets.OTHER"}}
    with pytest.raises(ToolFailed) as caught:
        run({"type": "integration", "integration": spec}, {"query": "cats"}, sender, values)
    assert sender.sent[0].headers["X-Subscription-Token"] == OTHER
    assert "404" in caught.value.message
    assert not found_in(caught.value.message, [OTHER])


def test_a_missing_secret_of_an_integration_is_named_and_nothing_is_sent():
    sender = Echo()
    spec = {"provider": "brave", "setup": {"brave_api_key": "$ secrets.BRAVE_KEY"}}
    with pytest.raises(ToolFailed, match="BRAVE_KEY"):
        run({"type": "integration", "integration": spec}, {"query": "cats"}, sender, Values())
    assert sender.sent == []


def test_short_values_are_put_in_and_found_only_where_they_are_all_of_a_text():
    request, result, _ = api_call(headers={"X": "$ secrets.SHORT", "Y": "in {secrets.SHORT}"})
    assert request.headers["X"] == "abc"
    assert result["json"]["headers"] == {"X": "***", "Y": "in abc"}


def test_trouble_with_the_secrets_may_pass():
    class Down:
        def values(self, tenant: str, names: Iterable[str], agent_id: str | None = None, /) -> dict[str, str]:
            raise TransientError("kms:decrypt failed with ThrottlingException; it may work later")

    nothing: Any = None
    runner = ToolRunner(nothing, Echo, {}, Down, nothing)
    spec = {"method": "GET", "url": "https://api.example/", "headers": {"X": "$ secrets.TOKEN"}}
    with pytest.raises(TransientError):
        runner.run(ToolCall("t", {"name": "use", "type": "api_call", "api_call": spec}, {}, 30))
