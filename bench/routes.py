"""What each route costs, counted through the app: DynamoDB requests, items, units; a list page the same among few and among many."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import batched
from typing import Any

import anyio
import httpx

from bench.counting import Cost, Counted
from bench.definitions import EVALUATE, INPUT, WAIT, repeated
from bench.figure import Figure, table
from bench.runs import Stuck, make_stack
from local.stack import Stack
from silvercup.adapters.attributes import encode
from silvercup.executions.execution import state_partition
from silvercup.executions.keys import ExecutionRef
from silvercup.http.app import create_app
from silvercup.ids import now_us, uuid7
from silvercup.paging import index_attributes
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Item, Key

FEW, MANY = 12, 10_000
PAGE = 10
"""The limit of the list pages that are counted."""
BUDGET = {"get": 1, "create": 3, "list": 2}
OVER = {"GET /executions": 3, "GET /executions/{id}/transitions": 3}
"""Lists that are over the budget, as README.md explains; they must not cost more than this."""
FEWER = ("/waits", "/transitions", "/tools", "/versions", "/projects")
"""Lists of which there are fewer than a page."""
HEADER = ["route", "requests", "of them", "items read", "written", "read units", "write units", "S3", "Step Functions"]
_WAIT_POLLS = 300


class Caller:
    """Calls the app in this thread, so that what it sends is counted here."""

    def __init__(self, stack: Stack, counted: Counted) -> None:
        self._app = create_app(lambda: stack.container)
        self._counted = counted
        self._calls = 0

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[Any, Cost]:
        """The answer, and what it took."""
        self._calls += 1
        with self._counted.under(f"call {self._calls}") as cost:
            answer = anyio.run(self._send, method, path, body)
        if answer.status_code >= 400:
            raise Stuck(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json(), cost

    async def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        headers = {"authorization": "Bearer any"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://bench") as client:
            return await client.request(method, path, json=body, headers=headers)


def measure() -> Figure:
    """Call every route that reads or writes one thing, and every list among few and among many."""
    rows: list[list[object]] = []
    broken: list[str] = []
    with make_stack() as stack:
        counted = Counted(stack)
        call = Caller(stack, counted)
        ids = _start(call)
        for name, kind, (method, path, body) in _single(ids):
            _, cost = call(method, path, body)
            rows.append(_row(name, cost))
            broken += _over(name, kind, cost)
        lists = dict(_lists(ids))
        _copies(stack, ids, 0, FEW)
        few = {name: call("GET", path)[1] for name, path in lists.items()}
        _copies(stack, ids, FEW, MANY)
        for name, path in lists.items():
            page, many = call("GET", path)
            rows.append(_row(name, many))
            broken += _over(name, "list", many)
            if len(page["items"]) != PAGE and not name.endswith(FEWER):
                broken.append(f"{name}: {len(page['items'])} items on the page, {PAGE} expected")
            if not many.same_as(few[name]):
                broken.append(f"{name}: among {FEW} {few[name].figures()}, among {MANY} {many.figures()}")
        rows += [_row(name, cost) for name, cost in _ends(call, ids)]
        counted.release()
    verdict = "\n".join(f"- **{text}**" for text in broken) or (
        f"Each list page costs the same among {FEW} and among {MANY:,} items: at most {BUDGET['list']} requests, but for those that "
        f"README.md names. A get takes {BUDGET['get']}, creating at most {BUDGET['create']}."
    )
    text = f"""\
One request each, with a key that is known already; pages of {PAGE}.

{table(HEADER, rows)}

{verdict}"""
    return Figure("What a route costs", text, tuple(broken))


def _start(call: Caller) -> Mapping[str, str]:
    agent = call("POST", "/agents", {"name": "Bench"})[0]["id"]
    task = call("POST", f"/agents/{agent}/tasks", repeated(EVALUATE, 1))[0]["id"]
    ask = call("POST", f"/agents/{agent}/tasks", repeated(WAIT, 2))[0]["id"]
    done = call("POST", f"/tasks/{task}/executions", {"input": INPUT})[0]["id"]
    waiting = call("POST", f"/tasks/{ask}/executions", {"input": INPUT})[0]["id"]
    _until(call, done, lambda shown: shown["status"] == "succeeded")
    _until(call, waiting, lambda shown: bool(shown["waits"]))
    transition = call("GET", f"/executions/{done}/transitions")[0]["items"][0]["id"]
    tool = call("POST", f"/agents/{agent}/tools", {"name": "bench", "type": "function"})[0]["id"]
    user = call("POST", "/users", {"name": "Bench"})[0]["id"]
    call("POST", "/projects", {"name": "Bench", "canonical_name": "bench"})
    filed = call("POST", "/agents", {"name": "Bench", "project": "bench"})[0]["id"]
    return {
        "agent": agent,
        "task": task,
        "done": done,
        "waiting": waiting,
        "transition": transition,
        "tool": tool,
        "user": user,
        "filed": filed,
    }


def _until(call: Caller, execution: str, there: Callable[[Any], bool]) -> None:
    shown: Any = None
    for _ in range(_WAIT_POLLS):
        shown = call("GET", f"/executions/{execution}")[0]
        if there(shown):
            return
        time.sleep(0.02)
    raise Stuck(f"execution {execution} does not get on: {shown}")


def _single(ids: Mapping[str, str]) -> Iterator[tuple[str, str, tuple[str, str, Any]]]:
    agent, task, done = ids["agent"], ids["task"], ids["done"]
    named = {"name": "Named", "canonical_name": "bench_agent"}
    yield "POST /agents", "create", ("POST", "/agents", named)
    yield "GET /agents/{id}", "get", ("GET", f"/agents/{agent}", None)
    yield "GET /agents/{id} (in a project of its own)", "", ("GET", f"/agents/{ids['filed']}", None)
    yield "PATCH /agents/{id}", "", ("PATCH", f"/agents/{agent}", {"about": "x"})
    yield "PUT /agents/{id}", "", ("PUT", f"/agents/{agent}", {"name": "Bench"})
    yield "POST /agents/{id}/tools", "create", ("POST", f"/agents/{agent}/tools", {"name": "new", "type": "function"})
    yield "GET /agents/{id}/tools/{id}", "get", ("GET", f"/agents/{agent}/tools/{ids['tool']}", None)
    yield "POST /users", "create", ("POST", "/users", {"name": "New"})
    yield "GET /users/{id}", "get", ("GET", f"/users/{ids['user']}", None)
    yield "POST /projects", "create", ("POST", "/projects", {"name": "New", "canonical_name": "bench_new"})
    yield "POST /agents/{id}/tasks", "create", ("POST", f"/agents/{agent}/tasks", repeated(EVALUATE, 2))
    yield "GET /tasks/{id}", "get", ("GET", f"/tasks/{task}", None)
    yield "POST /tasks/{id}/executions", "create", ("POST", f"/tasks/{task}/executions", {"input": INPUT})
    yield "GET /executions/{id} (ended)", "", ("GET", f"/executions/{done}", None)
    yield "GET /executions/{id} (waiting)", "", ("GET", f"/executions/{ids['waiting']}", None)
    one = f"/executions/{done}/transitions/{ids['transition']}"
    yield "GET /executions/{id}/transitions/{id}", "", ("GET", one, None)


def _lists(ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    page = f"limit={PAGE}"
    yield "GET /agents", f"/agents?{page}"
    yield "GET /users", f"/users?{page}"
    yield "GET /projects", f"/projects?{page}"
    yield "GET /agents/{id}/tools", f"/agents/{ids['agent']}/tools?{page}"
    yield "GET /agents/{id}/tasks", f"/agents/{ids['agent']}/tasks?{page}"
    yield "GET /tasks/{id}/versions", f"/tasks/{ids['task']}/versions?{page}"
    yield "GET /tasks/{id}/executions", f"/tasks/{ids['task']}/executions?{page}"
    yield "GET /executions", f"/executions?{page}"
    yield "GET /executions?status=failed", f"/executions?{page}&status=failed"
    yield "GET /executions/{id}/transitions", f"/executions/{ids['done']}/transitions?{page}"
    yield "GET /waits", f"/waits?{page}"


def _ends(call: Caller, ids: Mapping[str, str]) -> Iterator[tuple[str, Cost]]:
    yield "PUT /executions/{id} (resume)", call("PUT", f"/executions/{ids['waiting']}", {"input": {"go": 1}})[1]
    _until(call, ids["waiting"], lambda shown: bool(shown["waits"]))
    cancel = {"status": "cancelled"}
    yield "PUT /executions/{id} (cancel)", call("PUT", f"/executions/{ids['waiting']}", cancel)[1]


def _copies(stack: Stack, ids: Mapping[str, str], first: int, count: int) -> None:
    """Copies of the agent, the user, the task and the execution that ended, the newest in their lists; the execution's have failed.

    Those that a page can show have copies of its records too.
    """
    tables, client = stack.container.tables, stack.container.clients.get("dynamodb")
    kinds = {"agent": "agent", "user": "user", "task": "task", "execution": "done"}
    items: list[Item] = []
    for kind, name in kinds.items():
        original = tables.get(Key("core", f"{DEFAULT_TENANT}#{kind}#{ids[name]}"))
        assert original is not None
        items += [_copy(kind, original, ids[name]) for _ in range(first, count)]
    done = ExecutionRef(DEFAULT_TENANT, ids["done"])
    ended = [item["id"] for item in items if item["kind"] == "execution"][-FEW:]
    ran = tables.query("runs", "by_run", done.run).items
    records = tables.get_many(Key("runs", entry["pk"]) for entry in ran).values()
    written = {"core": items, "runs": [_renamed(record, done.id, one) for one in ended for record in records]}
    for table_name, all_of_it in written.items():
        physical = getattr(stack.container.settings, f"{table_name}_table")
        for some in batched(all_of_it, 25):
            client.batch_write_item(RequestItems={physical: [{"PutRequest": {"Item": encode(item)}} for item in some]})


def _copy(kind: str, original: Item, old_id: str) -> Item:
    new_id, now = uuid7(), now_us()
    item = _renamed(original, old_id, new_id)
    if kind == "execution":
        item |= {"status": "failed", "state": state_partition(DEFAULT_TENANT, "failed")}
    return item | {"created_at": now} | index_attributes(item["ix"], new_id, now, now)


def _renamed(item: Item, old_id: str, new_id: str) -> Item:
    return {name: value.replace(old_id, new_id) if isinstance(value, str) else value for name, value in item.items()}


def _row(name: str, cost: Cost) -> list[object]:
    ours = sorted((n, one.removeprefix("dynamodb:")) for one, n in cost.requests.items() if one.startswith("dynamodb:"))
    listed = ", ".join(f"{n} {one}" for n, one in ours)
    units = [cost.read, cost.written, cost.read_units, cost.write_units, cost.of("s3"), cost.of("states")]
    return [name, cost.of("dynamodb"), listed, *units]


def _over(name: str, kind: str, cost: Cost) -> Iterator[str]:
    most = OVER.get(name, BUDGET[kind]) if kind else math.inf
    if cost.of("dynamodb") > most:
        yield f"{name}: {cost.of('dynamodb')} DynamoDB requests, at most {most} expected"
