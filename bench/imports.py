"""What a cold function imports: all that its first call needs, against its own third-party packages alone.

Each measurement is a new interpreter, without its own start-up, in processor time, the best of several; ``-X importtime``, in a
run of its own, tells whose modules take it. Bytecode is there for everything, as in what ``make build`` makes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figure import Figure, table

ROOT = Path(__file__).parent.parent
ROUNDS = 5
BUDGET = 1.2
"""Everything, against the floor of its own third-party imports."""
OURS = frozenset({"silvercup", "statemachines", "functions"})
NEVER = frozenset({"anthropic", "fastapi", "numpy", "openai", "opensearchpy", "pypdf"})
"""Packages that ``steps`` must not import."""

PARTS = "from silvercup import container; container.install(None); parts = container.current()"
RUN = (
    f"{PARTS}; parts.runtime; from silvercup.expressions import compile_value; compile_value('$ 1 + 1').evaluate({{}})"
)
CONNECT = """
from silvercup.adapters.opensearch.client import make_client
from silvercup.adapters.opensearch.settings import OpenSearchSettings
settings = parts.settings
make_client(OpenSearchSettings(settings.index_endpoint, settings.index_service, region=settings.region))"""
INDEX = f"{PARTS}; parts.indexer{CONNECT}"
ANSWER = """
answer = functions.api.handler.handler({{
    "httpMethod": "POST", "path": "/api/{path}", "resource": "/", "headers": {{}}, "queryStringParameters": None,
    "multiValueHeaders": {{}}, "multiValueQueryStringParameters": None, "body": "{{}}", "isBase64Encoded": False, "requestContext": {{}},
}}, None)
assert answer["statusCode"] == 401"""
SERVICES = "parts.agents, parts.tasks, parts.executions, parts.keys, parts.idempotency, parts.models"
SERVE = f"{PARTS}; {SERVICES}{ANSWER.format(path='tasks/1/executions')}"
SEARCH = f"{PARTS}; parts.keys, parts.doc_search, parts.embedder{CONNECT}{ANSWER.format(path='agents/1/search')}"
ASK = """
import asyncio
async def ask(method, path):
    async def receive():
        return {{"type": "http.request", "body": b"{{}}", "more_body": False}}
    sent = []
    async def send(message):
        sent.append(message)
    await functions.stream.app.app({{
        "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [], "server": ("", 80), "client": ("", 1),
    }}, receive, send)
    return sent[0]["status"]
assert asyncio.run(ask("{method}", "/api/{path}")) == {status}"""
STREAM = "import uvicorn.main, functions.stream.app"
READY = f"{PARTS}{ASK.format(method='GET', path='healthz', status=200)}"
CHAT = f"""{PARTS}; parts.keys, parts.idempotency, parts.chat, parts.models
from silvercup.chat.templates import render
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE
render(DEFAULT_SYSTEM_TEMPLATE, dict(agent=dict(name="Bench"), session=dict())){ASK.format(method="POST", path="sessions/1/chat", status=401)}"""
FUNCTIONS = {
    "steps": ("import functions.steps.handler", RUN),
    "prompts": ("import functions.prompts.handler", f"{RUN}; parts.models"),
    "prompts, with Anthropic": (
        "import functions.prompts.handler, anthropic",
        f"{RUN}; import silvercup.adapters.anthropic",
    ),
    "indexer": ("import functions.indexer.handler", INDEX),
    "api": ("import functions.api.handler", SERVE),
    "api, a search of docs": ("import functions.api.handler", SEARCH),
    "stream, ready": (STREAM, READY),
    "stream, a chat": (STREAM, CHAT),
    "stream, a chat with Anthropic": (f"{STREAM}, anthropic", f"{CHAT}; import silvercup.adapters.anthropic"),
}
"""What each function imports when it is loaded, and what its first call makes: the services, with AWS clients; nothing is sent.
``api`` also answers a request without a key, for which it imports the routes of its path. ``indexer`` and a search have OpenSearch's client.
``stream`` answers the question whether it is ready, or a chat without a key whose template is rendered all the same."""

_SCRIPT = """
import json, sys, time
sys.path[:0] = ["layers/core", "."]
{begin}
before = set(sys.modules)
sys.stderr.write("\\n--- from here\\n")
sys.stderr.flush()
start = time.process_time()
{load}
{first_call}
first = time.process_time() - start
names = [name for name in sys.modules if name not in before]
start = time.process_time()
{first_call}
print(json.dumps([names, first, time.process_time() - start]))
"""
_FLOOR = """
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What one interpreter imported.

    Attributes:
        names: The modules, in order.
        making: Milliseconds that the first call needs when everything is imported.
        importing: Milliseconds beyond that.
        by_package: Of the imports, milliseconds in each top-level package's own modules (the whole standard library is one).
    """

    names: tuple[str, ...]
    making: float
    importing: float
    by_package: Counter[str]


def measure() -> Figure:
    """Measure every function."""
    with tempfile.TemporaryDirectory() as bytecode:
        return _measure(environment(bytecode))


def environment(bytecode: str) -> dict[str, str]:
    """Where bytecode is kept and found; credentials, since without them botocore asks the network for some."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return env | {
        "PYTHONPYCACHEPREFIX": bytecode,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SILVERCUP_INDEX_ENDPOINT": "https://none.us-east-1.es.amazonaws.com",
        "SILVERCUP_INDEX_SERVICE": "es",
    }


def _measure(env: Mapping[str, str]) -> Figure:
    rows: list[list[object]] = []
    broken: list[str] = []
    for function, (load, first_call) in FUNCTIONS.items():
        told = imported(env, load, first_call, times=True)
        third = [name for name in told.names if _package(name) not in OURS and not _is_standard(name)]
        imported(env, _FLOOR.format(names=third))
        whole = best([imported(env, load, first_call) for _ in range(ROUNDS)])
        floor = best([imported(env, _FLOOR.format(names=third)) for _ in range(ROUNDS)])
        told = imported(env, load, first_call, times=True)
        ours = sum(told.by_package[package] for package in OURS)
        ratio = whole.importing / floor.importing
        top = ", ".join(f"{package} {ms:.0f}" for package, ms in told.by_package.most_common(6))
        verdict = "within" if ratio <= BUDGET else "OVER"
        times = [f"{ms:.0f}" for ms in (whole.importing, floor.importing, ours, whole.making)]
        rows.append([function, *times[:2], f"{ratio:.2f} {verdict}", *times[2:], top])
        if function == "steps":
            broken += [f"steps imports {name}" for name in sorted(NEVER & {_package(name) for name in whole.names})]
    header = [
        "function",
        "imports, ms",
        "floor",
        f"ratio (budget {BUDGET})",
        "our modules",
        "making the services",
        "most",
    ]
    verdict = "\n".join(f"- **{line}**" for line in broken) or f"`steps` imports none of {', '.join(sorted(NEVER))}."
    return Figure("Cold imports", f"{table(header, rows)}\n\n{verdict}", tuple(broken))


def best(rounds: list[Imported]) -> Imported:
    """The quickest first call without the quickest second one: the slower one of a round would make its imports look short."""
    making = min(one.making for one in rounds)
    return replace(rounds[0], making=making, importing=min(one.importing + one.making for one in rounds) - making)


def imported(
    env: Mapping[str, str], load: str, first_call: str = "", *, begin: str = "", times: bool = False
) -> Imported:
    """What a new interpreter imports.

    Args:
        env: Its environment.
        load: What it imports.
        first_call: What it does then, twice.
        begin: What it does before anything is measured.
        times: Whether to tell whose modules take it, which slows everything down.

    Raises:
        RuntimeError: It failed; says how.
    """
    done = subprocess.run(
        [sys.executable, *(["-X", "importtime"] if times else []), "-"],
        input=_SCRIPT.format(begin=begin, load=load, first_call=first_call),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{(load or first_call)[:200]} failed: {done.stderr[-2000:]}")
    spent: Counter[str] = Counter()
    for text in done.stderr.partition("--- from here")[2].splitlines():
        if text.startswith("import time:"):
            own, _, name = (part.strip() for part in text.removeprefix("import time:").split("|"))
            spent["standard library" if _is_standard(name) else _package(name)] += int(own)
    names, first, second = json.loads(done.stdout.splitlines()[-1])
    by_package = Counter({package: us // 1000 for package, us in spent.items()})
    return Imported(tuple(names), second * 1000, (first - second) * 1000, by_package)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_standard(name: str) -> bool:
    return _package(name) in sys.stdlib_module_names or name.startswith("_")
