"""What users do with secrets, through a whole stack; then all that is stored, answered and printed is searched for their values."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import pytest

from local.stack import Stack
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Change, Key
from tests.support.local import Runs, running
from tests.support.provider import Failure, FakeProvider, Reply
from tests.support.runs import Api
from tests.support.secrets import found_in, in_files
from tests.support.tool_server import Answer, Seen, ToolServer
from tests.support.tool_server import Reply as Said

KEY, TOKEN, AGENTS_TOKEN, OTHER = "sk-ant-planted-1", 'planted "tok/en" 2', "planted=agents=3", "planted-other-4"
PLANTED = (KEY, TOKEN, AGENTS_TOKEN, OTHER, "planted-renamed-5", "planted-refused-6", "planted-mistake-7")


def echo(seen: Seen) -> Answer:
    """All that was sent, also in base64, with a status that the path says."""
    said = {"path": seen.target, "headers": seen.headers, "body": seen.body.decode()}
    said["base64"] = base64.b64encode(json.dumps(seen.headers).encode()).decode()
    return Said.json(said, 500 if "/fail" in seen.path else 200)


def keys_used(provider: FakeProvider) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in provider.requests]


def in_memory(stack: Stack) -> str:
    """All that a stack has stored: tables, objects, state machines and their runs."""
    texts: list[str] = []
    dynamodb, s3, states = (stack.aws.client(name) for name in ("dynamodb", "s3", "stepfunctions"))
    settings = stack.container.settings
    for table in (settings.core_table, settings.runs_table, settings.docs_table):
        texts += [repr(page["Items"]) for page in dynamodb.get_paginator("scan").paginate(TableName=table)]
    for found in s3.list_objects_v2(Bucket=settings.bucket).get("Contents", []):
        body = s3.get_object(Bucket=settings.bucket, Key=found["Key"])["Body"].read()
        texts.append(f"{found['Key']} {body.decode('utf-8', 'replace')}")
    for machine in states.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        texts.append(states.describe_state_machine(stateMachineArn=arn)["definition"])
        for run in states.list_executions(stateMachineArn=arn)["executions"]:
            texts.append(repr(states.describe_execution(executionArn=run["executionArn"])))
            texts.append(repr(states.get_execution_history(executionArn=run["executionArn"])["events"]))
    return "\n".join(texts)


class Everything(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter("%(name)s %(message)s %(exc_text)s").format(record))


def test_nothing_that_is_stored_answered_or_printed_holds_a_value(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    log = Everything()
    ours = logging.getLogger("silvercup")
    level = ours.level
    logging.getLogger().addHandler(log)
    ours.setLevel(logging.DEBUG)
    try:
        with (
            ToolServer(echo) as tools,
            FakeProvider() as provider,
            running(provider, SILVERCUP_ALLOW_LOOPBACK_TOOLS="1", state=tmp_path) as stack,
        ):
            answers = play(Api(stack.url), stack, provider, tools)
            stored = in_memory(stack)
        kept = in_files(tmp_path)
        with FakeProvider() as silent, running(silent, state=tmp_path) as again:
            values = again.container.secret_reader.values(DEFAULT_TENANT, ["TOKEN", "ANTHROPIC_API_KEY", "RENAMED"])
    finally:
        logging.getLogger().removeHandler(log)
        ours.setLevel(level)
    assert values == {"TOKEN": TOKEN, "ANTHROPIC_API_KEY": KEY, "RENAMED": "planted-renamed-5"}
    asked = json.dumps([request.body for request in provider.requests])
    printed = "".join(capfd.readouterr())
    logged = "\n".join(log.lines)
    assert "Refused at aws.py" in logged, "the log is listened to"
    for what, text in (
        ("answered", answers),
        ("stored", stored),
        ("kept", kept),
        ("asked", asked),
        ("printed", printed),
        ("logged", logged),
    ):
        assert not found_in(text, PLANTED), f"{what}: {found_in(text, PLANTED)}"
    for text in (stored, kept):
        assert "stays in the clear" in text, "the search sees what is stored"
        assert "***" in text, "results of tools are kept, without the values"


def in_steps(runs: Runs, tools: ToolServer) -> None:
    """What steps do with secrets in their expressions, with a wait between."""
    post = {"name": "post", "type": "api_call", "api_call": {"method": "POST", "url": f"{tools.url}/ok"}}
    fail = {"name": "fail", "type": "api_call", "api_call": {"method": "POST", "url": f"{tools.url}/fail"}}
    sent = {"headers": {"Authorization": "$ steps[0].output.auth"}, "json": {"basic": "$ steps[0].output.basic"}}
    made = {"auth": "$ f'Bearer {secrets.TOKEN}'", "basic": "$ base64.b64encode(f'me:{secrets.RENAMED}')"}
    main = [
        {"evaluate": made},
        {"set": {"kept": "$ [secrets.TOKEN] * 3"}},
        {"log": "the token is {secrets.TOKEN}"},
        {"tool": "post", "arguments": sent},
        {"over": "$ state.kept", "map": {"tool": "post", "arguments": {"json": {"t": "$ _"}}}},
        {"wait_for_input": {"info": {"token": "$ secrets.TOKEN"}}},
        {"tool": "post", "arguments": sent},
        {"tool": "fail", "arguments": sent},
    ]
    run = runs.start(*main, tools=[post, fail])
    waits = runs.until(run, "awaiting_input")["waits"]
    assert waits[0]["info"] == {"token": "***"}
    runs.resume(run, {"go": "on"})
    assert "***" in runs.until(run, "failed")["error"]
    shown = runs.transitions(run)
    assert shown[1]["output"]["auth"] == "Bearer ***"
    seen = tools.requests[-2]
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(seen.body) == {"basic": base64.b64encode(b"me:planted-renamed-5").decode()}
    assert [json.loads(one.body) for one in tools.requests[-5:-2]] == [{"t": TOKEN}] * 3


def play(api: Api, stack: Stack, provider: FakeProvider, tools: ToolServer) -> str:
    """What users do with secrets; gives everything that was answered."""
    answers: list[str] = []
    api.http.event_hooks = {
        "response": [lambda response: answers.append(response.read().decode() + repr(response.headers))]
    }
    agent = api.agent(about="stays in the clear")
    api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": KEY})
    token = api.call("POST", "/secrets", {"name": "TOKEN", "value": "planted-mistake-7"})["id"]
    api.call("PUT", f"/secrets/{token}", {"name": "TOKEN", "value": TOKEN, "metadata": {"a": 1}})
    api.call("POST", f"/agents/{agent}/secrets", {"name": "TOKEN", "value": AGENTS_TOKEN})
    api.call("POST", f"/agents/{agent}/secrets", {"name": "OTHER", "value": OTHER})
    renamed = api.call("POST", "/secrets", {"name": "OLD", "value": "planted-renamed-5"})["id"]
    api.call("PATCH", f"/secrets/{renamed}", {"name": "RENAMED"})
    for body in ({"name": "1", "value": "planted-refused-6"}, ["planted-refused-6"], {"nme": "planted-refused-6"}):
        assert api.http.post("/secrets?strict=true", json=body).status_code == 422
    key = {"idempotency-key": "k", "authorization": "Bearer any"}
    assert api.http.post("/secrets", json={"name": "K", "value": OTHER}, headers=key).status_code == 201
    for path in ("/secrets", f"/agents/{agent}/secrets", f"/secrets/{token}"):
        api.call("GET", path)
    for name, path in (("look", "ok?k={secrets.OTHER}"), ("fail", "fail/{secrets.OTHER}")):
        headers = {"Authorization": "$ f'Bearer {secrets.TOKEN}'", "X-Api-Key": "{secrets.OTHER}"}
        spec = {"method": "POST", "url": f"{tools.url}/{path}", "headers": headers, "json": {"t": "$ secrets.TOKEN"}}
        schema = {"type": "object", "properties": {"q": {"type": "string"}}}
        tool = {"name": name, "type": "api_call", "api_call": {**spec, "params_schema": schema}}
        api.call("POST", f"/agents/{agent}/tools", tool)
    session = api.call("POST", "/sessions", {"agent": agent, "auto_run_tools": True})["id"]
    api.call("POST", f"/sessions/{session}/render", {"messages": [{"role": "user", "content": "{{ secrets }}"}]})
    provider.script(
        Reply(tools=[("look", {"q": "{secrets.TOKEN}"}), ("fail", {})]), "done", Failure(401, message=f"no key {KEY}")
    )
    said = {"messages": [{"role": "user", "content": "look it up"}]}
    answer = api.call("POST", f"/sessions/{session}/chat", said)
    assert answer["choices"][0]["message"]["content"] == "done"
    assert tools.requests[0].headers["authorization"] == f"Bearer {AGENTS_TOKEN}"
    refused = api.http.post(f"/sessions/{session}/chat", json={"messages": [{"role": "user", "content": "again"}]})
    assert refused.status_code == 400, refused.text
    runs = Runs(api, stack)
    runs.until(runs.start({"prompt": "say", "unwrap": True}), "succeeded")
    provider.script(Failure(400, message=f"bad request by {KEY}"))
    failing = runs.start({"prompt": "say", "unwrap": True})
    runs.until(failing, "failed")
    for path, status in (("ok", "succeeded"), ("fail/{secrets.RENAMED}", "failed")):
        headers = {"Authorization": "$ f'Bearer {secrets.TOKEN}'"}
        spec = {"method": "POST", "url": f"{tools.url}/{path}", "headers": headers, "json": {"t": "$ secrets.TOKEN"}}
        looked = runs.start({"tool": "look"}, tools=[{"name": "look", "type": "api_call", "api_call": spec}])
        runs.until(looked, status)
        runs.transitions(looked)
        assert tools.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert "planted-renamed-5" in tools.requests[-1].target
    in_steps(runs, tools)
    assert keys_used(provider) == [KEY] * len(provider.requests)
    runs.transitions(failing)
    api.call("GET", f"/sessions/{session}/history")
    api.call("GET", f"/agents/{agent}/tools")
    api.call("GET", "/usage")
    item = Key("core", f"{DEFAULT_TENANT}#secret#developer#BROKEN")
    broken = api.call("POST", "/secrets", {"name": "BROKEN", "value": OTHER})["id"]
    stack.container.tables.update(item, Change(set={"sealed": b"no ciphertext"}))
    assert api.http.patch(f"/secrets/{broken}", json={"name": "MOVED"}).status_code == 500
    api.close()
    return "\n".join(answers)
