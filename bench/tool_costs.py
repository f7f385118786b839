"""What tools cost in a task and in a chat, counted: DynamoDB requests and units, calls of KMS, Lambda calls, state transitions."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from bench.chat import FITTING
from bench.chat_world import AGENT, Session, World
from bench.counting import Cost
from bench.definitions import SECRET, Task
from bench.figure import table
from bench.loopback import Loopback
from bench.runs import make_secret, run
from tests.support.provider_wire import Reply

STEPS = 10
BUDGET_STEP = 4
TURNS = 5
IN_TASK = [
    *("tool of every step", "DynamoDB", "of them", "of the tool", "read units", "write units"),
    *("KMS, of all steps", "Lambda, of all", "transitions, of all"),
]
IN_CHAT = ["turn", "asked", "calls", "DynamoDB", "of them", "read units", "write units", "bytes written"]

type Tool = dict[str, Any]


def costs(here: World, server: Loopback) -> tuple[str, list[str]]:
    """Tables of a task's steps and of a chat's turns; what must hold and does not."""
    make_secret(here.stack, SECRET)
    steps, broken = _steps(here, server)
    turns, more = _turns(here, server)
    text = f"""\
Lines of {STEPS} tool steps; a block is the last but one of them, warm:

{table(IN_TASK, steps)}

Turns of a chat whose tools are run, after {2 * TURNS} entries; each call is one round:

{table(IN_CHAT, turns)}"""
    return text, [*broken, *more]


def fetch(server: Loopback, name: str = "fetch", after: int = 0, **spec: Any) -> Tool:
    """An ``api_call`` of the server, which answers after so many milliseconds."""
    url = f"{server.url}/after/{after}/{{n}}" if after else f"{server.url}/otters/{{n}}"
    return {"name": name, "type": "api_call", "api_call": {"method": "GET", "url": url, **spec}}


def _steps(here: World, server: Loopback) -> tuple[list[list[object]], list[str]]:
    agent = here.call("POST", "/agents", AGENT)["id"]
    echo = {"type": "integration", "integration": {"provider": "dummy"}}
    get = {"type": "system", "system": {"resource": "agent", "operation": "get"}}
    headers = {"X-Otter": f"$ secrets.{SECRET}"}
    cases: list[tuple[str, Tool, dict[str, Any], int]] = [
        ("integration (dummy)", echo, {"n": "$ steps[0].input.n"}, 0),
        ("api_call", fetch(server), {"n": "$ str(steps[0].input.n)"}, 0),
        ("api_call, a secret in a header", fetch(server, headers=headers), {"n": "$ str(steps[0].input.n)"}, 0),
        ("system (agent.get)", get, {"agent_id": agent}, 1),
    ]
    rows: list[list[object]] = []
    broken: list[str] = []
    for name, tool, arguments, own in cases:
        step = {"tool": "use", "arguments": arguments}
        task: Task = {"name": name, "tools": [{**tool, "name": "use"}], "main": [step] * STEPS}
        with _opened(here) as opened:
            ran = run(here.stack, here.counted, task)
        block, (count,) = [*ran.costs.values()][STEPS - 2], ran.machines
        shown = [block.of("dynamodb"), _listed(block), own, block.read_units, block.write_units]
        rows.append([name, *shown, len(opened), count.invocations, count.transitions])
        broken += _over(name, block, own)
        if count.invocations > STEPS + 1 or count.transitions > STEPS + 3:
            broken.append(f"{name}: {count} for {STEPS} steps; n + 1 calls and n + 3 transitions expected at most")
    return rows, broken


def _over(name: str, block: Cost, own: int) -> Iterator[str]:
    if block.of("dynamodb") > BUDGET_STEP + own:
        yield (
            f"{name}: {block.of('dynamodb')} DynamoDB requests of a block, at most {BUDGET_STEP} and {own} of the tool's own expected"
        )


def _turns(here: World, server: Loopback) -> tuple[list[list[object]], list[str]]:
    plain = here.session(TURNS, **FITTING)
    able = _session(here, fetch(server))
    secret = _session(here, fetch(server, headers={"X-Otter": f"$ secrets.{SECRET}"}))
    cases = {
        "without tools": (plain, 0),
        "with a tool, not called": (able, 0),
        "with a tool, called once": (able, 1),
        "called in three rounds": (able, 3),
        "called once, a secret in a header": (secret, 1),
    }
    rows: list[list[object]] = []
    broken: list[str] = []
    without: Cost | None = None
    for name, (session, rounds) in cases.items():
        here.provider.clear()
        here.reset(session)
        here.provider.script(*[Reply(tools=[("fetch", {"n": "7"})])] * rounds)
        server.seen()
        cost = here.cost(session)
        without = without or cost
        asked, calls = len(here.provider.requests), len(server.seen().paths)
        shown = [cost.of("dynamodb"), _listed(cost), cost.read_units, cost.write_units, f"{cost.written_bytes:,}"]
        rows.append([name, asked, calls, *shown])
        if (asked, calls) != (rounds + 1, rounds):
            broken.append(f"a turn {name}: the model was asked {asked} times, the tool called {calls} times")
        most = without.of("dynamodb") + (1 if session is secret else 0)
        if cost.of("dynamodb") > most:
            broken.append(f"a turn {name}: {cost.of('dynamodb')} DynamoDB requests, at most {most} expected")
    return rows, broken


def _session(here: World, tool: Tool) -> Session:
    agent = here.call("POST", "/agents", AGENT)["id"]
    here.call("POST", f"/agents/{agent}/tools", tool)
    return here.session(TURNS, agent=agent, auto_run_tools=True, **FITTING)


@contextmanager
def _opened(here: World) -> Generator[list[str]]:
    """The requests to KMS that are sent meanwhile."""
    sent: list[str] = []

    def after(model: Any, **_: object) -> None:
        sent.append(str(model.name))

    events = here.stack.container.clients.get("kms").meta.events
    events.register("after-call", after)
    try:
        yield sent
    finally:
        events.unregister("after-call", after)


def _listed(cost: Cost) -> str:
    ours = sorted((n, one.removeprefix("dynamodb:")) for one, n in cost.requests.items() if one.startswith("dynamodb:"))
    return ", ".join(f"{n} {one}" for n, one in ours)
