"""The operations of AWS that each function really sends, against what its policy in the template allows."""

from __future__ import annotations

import base64
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any

import httpx
import pytest

from local.stack import Stack
from local.template import load
from silvercup.adapters.kms import KmsVault
from tests.support.local import Runs, execution_item
from tests.support.runs import Api, wait_until
from tests.unit.http.test_routing import chosen
from tests.unit.local.test_policies import MACHINES, allowed

SERVICES = ("dynamodb", "kms", "s3", "stepfunctions", "secretsmanager", "sqs")
ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""Operations whose action has another name."""
WITHOUT_REQUEST = {"lambda:InvokeFunction", "iam:PassRole", "s3:ListBucket", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "aoss:APIAccessAll", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens"}  # fmt: skip
"""Actions that AWS checks without a request of ours, that the event source uses, whose answer this process has kept, or that go elsewhere here."""
TOOLS = {
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:Query", "s3:DeleteObject", "sqs:SendMessage"),
    *("states:CreateStateMachine", "states:TagResource", "states:StartExecution", "states:StopExecution"),
    *("states:SendTaskSuccess", "states:SendTaskFailure"),
}
"""What system tools do in whatever function runs them: all that the API does."""
SELDOM = {
    "ApiFunction": {"states:SendTaskFailure", "s3:DeleteObject"},
    "StreamFunction": TOOLS - {"dynamodb:DeleteItem", "dynamodb:Query"} | {"kms:GenerateDataKey"},
    "IndexerFunction": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:DeleteObject",
        "sqs:SendMessage",
    },
    "StepsFunction": {"dynamodb:GetItem", "states:DescribeExecution", "kms:Decrypt", *TOOLS},
    "PromptsFunction": {"s3:PutObject", "dynamodb:GetItem", "dynamodb:UpdateItem", *TOOLS},
    "LifecycleFunction": {
        *("states:CreateStateMachine", "states:TagResource", "states:StartExecution", "states:SendTaskSuccess"),
        *("states:SendTaskFailure", "states:StopExecution", "states:DescribeExecution", "sqs:SendMessage"),
        *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "s3:PutObject", "s3:DeleteObject"),
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "s3:GetObject", "dynamodb:BatchWriteItem"),
    },
}
"""Actions that only faults, races and deletes need; this run may see them or not."""

_function: ContextVar[str] = ContextVar("function", default="")


class Watch:
    """Books each request on the function that sends it.

    Attributes:
        sent: Actions by the function's logical name.
    """

    def __init__(self, stack: Stack) -> None:
        self.sent: defaultdict[str, set[str]] = defaultdict(set)
        self._serving = ""
        self._stack = stack
        self._template = load()
        for name in SERVICES:
            stack.container.clients.get(name).meta.events.register("before-call", self._book)
        for logical, function in self._template.functions.items():
            if logical not in {"ApiFunction", "StreamFunction"}:
                self._wrap(logical, function.name)

    def release(self) -> None:
        for name in SERVICES:
            self._stack.container.clients.get(name).meta.events.unregister("before-call", self._book)

    def serving(self, request: httpx.Request) -> None:
        path = request.url.path.removeprefix("/api")
        self._serving = {"api": "ApiFunction", "stream": "StreamFunction"}[chosen(request.method, path) or ""]

    def served(self, response: httpx.Response) -> None:
        response.read()
        self._serving = ""

    def _wrap(self, logical: str, name: str) -> None:
        inner = self._stack.aws.invoker.load(name)

        def handler(event: Any, context: Any) -> Any:
            token = _function.set(logical)
            try:
                return inner(event, context)
            finally:
                _function.reset(token)

        self._stack.aws.invoker.replace(name, handler)

    def _book(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        function = _function.get() or self._serving
        if function:
            name = f"{model.service_model.signing_name}:{model.name}"
            self.sent[function].add(ACTIONS.get(name, name))
            if name == "states:CreateStateMachine" and b'"tags"' in bytes(params["body"]):
                self.sent[function].add("states:TagResource")


@pytest.fixture(scope="module")
def watch(stack: Stack, api: Api) -> Iterator[Watch]:
    watch = Watch(stack)
    api.http.event_hooks = {"request": [watch.serving], "response": [watch.served]}
    yield watch
    api.http.event_hooks = {}
    watch.release()


@pytest.fixture(scope="module")
def seen(watch: Watch, stack: Stack, api: Api) -> dict[str, set[str]]:
    """What a run through everything sends."""
    runs = Runs(api, stack)
    big = "$ 'x' * 900000"
    steps = [{"evaluate": {"big": big}}, {"set": {"a": 1}}, {"prompt": "say {inputs[0].n}", "unwrap": True}]
    finished = runs.start(*steps, {"wait_for_input": {"info": {"q": 1}}}, {"return": {"big": big}}, input={"n": 1})
    runs.until(finished, "awaiting_input")
    runs.resume(finished, {"a": 1})
    runs.until(finished, "succeeded")
    failing = runs.start({"error": "no"})
    runs.until(failing, "failed")
    cancelled = runs.start({"wait_for_input": {"info": {"q": 1}}})
    runs.until(cancelled, "awaiting_input")
    api.call("PUT", f"/executions/{cancelled}", {"status": "cancelled"})
    assert execution_item(stack, cancelled)["status"] == "cancelled"
    countdown = [{"if": "$ _.n > 0", "then": [{"workflow": "down", "arguments": {"n": "$ _.n - 1"}}, {"log": "up"}]}]
    nested = api.task(api.agent(), {"main": [{"workflow": "down", "arguments": "_"}], "down": countdown})
    child = api.call("POST", f"/tasks/{nested}/executions", {"input": {"n": 1}})["id"]
    runs.until(child, "succeeded")
    runs.transitions(finished)
    _call_tools(runs)
    for path in ("/agents", "/users", "/projects", "/executions", "/waits", "/usage"):
        api.call("GET", path)
    with contextlib.suppress(httpx.HTTPError):
        api.http.get(f"/executions/{finished}/transitions.stream", timeout=20)
    task = api.call("GET", f"/executions/{finished}")["task_id"]
    api.call("GET", f"/tasks/{task}")
    api.call("GET", f"/tasks/{task}/executions")
    api.call("GET", f"/tasks/{task}/versions")
    for content in ("a text", ["x" * 20_000, *"abcdefghi"]):
        doc = api.call("POST", f"/agents/{(owner := api.agent())}/docs", {"title": "T", "content": content})["id"]
        wait_until(lambda doc=doc: api.call("GET", f"/docs/{doc}")["embedding_status"] == "ready", "the index", 60)
        api.call("PATCH", f"/docs/{doc}", {"title": "U"})
        api.call("POST", f"/agents/{owner}/search", {"text": "a text"})
        api.call("GET", f"/agents/{owner}/docs")
        file = {"name": "a.txt", "content": base64.b64encode(f"{owner} ".encode() * 2_000).decode()}
        api.call("POST", f"/agents/{owner}/docs/file", file)
        api.call("DELETE", f"/docs/{doc}")
        api.call("DELETE", f"/agents/{owner}/docs", {"delete_all": True})
    wait_until(lambda: "dynamodb:DeleteItem" in watch.sent["IndexerFunction"], "the deletes of docs", 60)
    speaker, other = api.agent(), api.agent()
    session = api.call("POST", "/sessions", {"agents": [speaker, other]})["id"]
    api.call("PATCH", f"/sessions/{session}", {"agents": [speaker]})
    for text in ("hello", "x" * 100_000):
        api.call("POST", f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": text}]})
    api.call("POST", f"/sessions/{session}/render", {"messages": [{"role": "user", "content": "hello"}]})
    entry = api.call("GET", f"/sessions/{session}/history")["entries"][0]["id"]
    api.call("DELETE", f"/sessions/{session}/history/{entry}")
    api.call("POST", f"/sessions/{session}/history", {"entries": [{"role": "user", "content": "more"}]})
    api.call("DELETE", f"/sessions/{session}/history")
    api.call("GET", f"/sessions?agent={speaker}")
    api.call("DELETE", f"/sessions/{session}")
    content = base64.b64encode(b"a text").decode()
    file = api.call("POST", "/files", {"name": "a.txt", "content": content})
    later = api.call("POST", "/files", {"name": "b.txt", "size": 6})
    httpx.put(later["upload"]["url"], content=b"a text", headers=later["upload"]["headers"])
    api.call("POST", f"/files/{later['id']}/complete")
    for one in (file["id"], later["id"]):
        api.call("GET", f"/files/{one}")
        api.http.get(f"/files/{one}/content")
        api.call("POST", f"/agents/{speaker}/docs/file", {"file_id": one, "title": one})
        api.call("DELETE", f"/files/{one}")
    api.call("GET", "/files?project=default")
    secret = api.call("POST", "/secrets", {"name": "ANTHROPIC_API_KEY", "value": "sk-ant-planted"})["id"]
    runs.until(runs.start({"prompt": "say", "unwrap": True}), "succeeded")
    session = api.call("POST", "/sessions", {"agents": [speaker]})["id"]
    forget_opened_secrets(stack)
    api.call("POST", f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": "hello"}]})
    forget_opened_secrets(stack)
    api.call("PUT", f"/secrets/{secret}", {"name": "B"})
    api.call("DELETE", f"/secrets/{secret}")
    agent = api.agent(metadata={"a": 1})
    api.call("PATCH", f"/agents/{agent}", {"about": "b"})
    api.call("POST", f"/agents/{agent}/tools", {"name": "f", "type": "function", "function": {"parameters": {}}})
    api.call("POST", f"/agents/{agent}/tasks", {"name": "t", "main": [{"evaluate": {"x": "1"}}]})
    api.call("DELETE", f"/agents/{agent}")
    wait_until(lambda: bool(watch.sent["LifecycleFunction"]) or stack.aws.invoker.stopped, "the deletes", 20)
    lifecycle = load().functions["LifecycleFunction"].name
    assert not stack.aws.invoker.invoke(lifecycle, {}).errored
    return dict(watch.sent)


def forget_opened_secrets(stack: Stack) -> None:
    """Let the next use of a secret ask KMS."""
    container = stack.container
    container.vault = KmsVault(lambda: container.clients.get("kms"), container.settings.secrets_key)


def _call_tools(runs: Runs) -> None:
    """System tools in both functions: what a row has after a prompt is run where the prompt is."""
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "agent.create": ("made", {"name": "made by a tool"}),
        "agent.update": ("", {"agent_id": "$ steps['made'].output.id", "name": "again"}),
        "agent.list": ("", {}),
        "agent/doc.create": ("doc", {"title": "T", "content": ["a text", "{execution.id}"]}),
        "agent/doc.search": ("", {"text": "text"}),
        "agent/doc.delete": ("", {"doc_id": "$ steps['doc'].output.id"}),
        "task.create": ("task", {"name": "made by a tool", "main": [{"evaluate": {"x": "1"}}]}),
        "task/execution.create": ("", {"task_id": "$ steps['task'].output.id", "input": {}}),
        "agent.delete": ("", {"agent_id": "$ steps['made'].output.id"}),
    }
    tools: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for i, (operation, (label, arguments)) in enumerate(calls.items()):
        resource, _, verb = operation.partition(".")
        owner, _, inner = resource.partition("/")
        spec = {"resource": owner, "operation": verb} | ({"subresource": inner} if inner else {})
        tools.append({"name": f"t{i}", "type": "system", "system": spec})
        steps.append({"tool": f"t{i}", "arguments": arguments} | ({"label": label} if label else {}))
    alone = runs.start(*steps, tools=tools)
    after_a_prompt = runs.start({"prompt": "hello"}, *steps, tools=tools)
    for execution in (alone, after_a_prompt):
        runs.until(execution, "succeeded")


@pytest.mark.parametrize(
    "name",
    ["ApiFunction", "StreamFunction", "StepsFunction", "PromptsFunction", "LifecycleFunction", "IndexerFunction"],
)
def test_a_function_may_do_what_it_does_and_little_else(seen: dict[str, set[str]], name: str):
    assert seen[name] - allowed(name) == set()
    assert allowed(name) - seen[name] - WITHOUT_REQUEST - SELDOM[name] == set()


def test_machines_and_their_runs_are_called_as_the_policies_say(seen: dict[str, set[str]], stack: Stack):
    assert seen
    states = stack.container.clients.get("stepfunctions")
    machines = [machine["stateMachineArn"] for machine in states.list_state_machines()["stateMachines"]]
    runs = [
        run["executionArn"] for arn in machines for run in states.list_executions(stateMachineArn=arn)["executions"]
    ]
    assert machines
    assert runs
    for arn in (*machines, *runs):
        assert any(fnmatchcase(arn, resource) for resource in MACHINES), arn
