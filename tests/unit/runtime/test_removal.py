"""Deletes of any size in slices, killed between any two writes."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from silvercup.deletions import Graves
from silvercup.docs.documents import DocOwner
from silvercup.docs.service import DocService
from silvercup.errors import Conflict, NotFound, TransientError
from silvercup.executions.execution import is_final, new_item
from silvercup.executions.keys import ExecutionRef, RecordKey
from silvercup.ids import now_us, uuid7
from silvercup.paging import ListQuery
from silvercup.resources.agents import AgentService
from silvercup.resources.idempotency import Claim
from silvercup.resources.projects import ProjectService
from silvercup.resources.sessions import SessionService
from silvercup.resources.tools import ToolService
from silvercup.resources.users import UserService
from silvercup.runtime.removal import Remover
from silvercup.storage import Change, Item, Key
from silvercup.tasks.service import TaskService
from silvercup.tools.definitions import problems_of
from statemachines import Source
from tests.support.tables import MemoryBlobs, MemoryQueue, MemoryTables

TENANT = uuid7()
TASK = {"name": "T", "main": [{"evaluate": {"x": "$ 1"}}]}


class Killed(TransientError):
    pass


class Mortal(MemoryTables):
    """Dies before some of its writes."""

    deaths = 0.0
    chance = random.Random(4)

    def _write(self) -> None:
        if self.chance.random() < self.deaths:
            raise Killed("killed")

    def put(self, *args: Any, **options: Any) -> None:
        self._write()
        super().put(*args, **options)

    def update(self, *args: Any, **options: Any) -> Any:
        self._write()
        return super().update(*args, **options)

    def delete(self, *args: Any, **options: Any) -> None:
        self._write()
        super().delete(*args, **options)


class Turns:
    """What chats leave behind: an item for each turn, as many as the tombstone says."""

    def __init__(self, tables: MemoryTables) -> None:
        self.tables = tables

    def remove(self, tenant: str, session_id: str, grave: Item, limit: int) -> int:
        assert limit >= 1
        assert grave["window"] == "{}"
        keys = [Key("core", f"{tenant}#turn#{session_id}#{number}") for number in range(grave["turns"])]
        there = [*self.tables.get_many(keys)][:limit]
        for key in there:
            self.tables.delete(key)
        return len(there)


class World:
    """An agent's worth of things, and the worker of the queue."""

    def __init__(self, size: int = 10, linger: int = 0, *, turns: bool = True) -> None:
        self.tables = Mortal()
        self.blobs = MemoryBlobs()
        self.queue = MemoryQueue()
        self.graves = Graves(self.tables, self.queue)
        self.stopped: set[str] = set()
        self.unstoppable: set[str] = set()
        self.dead: list[dict[str, Any]] = []
        self.ahead = 0.0
        projects = ProjectService(self.tables)
        self.agents = AgentService(self.tables, lambda: pytest.fail("no model is named"), projects, self.graves)
        self.tools = ToolService(self.tables, problems_of)
        self.tasks = TaskService(
            self.tables, self.blobs, lambda: pytest.fail("no model is named"), self.graves, problems_of
        )
        self.users = UserService(self.tables, projects, self.graves)
        self.docs = DocService(self.tables, self.blobs)
        self.sessions = SessionService(self.tables, self.graves)
        self.remover = Remover(
            tables=self.tables,
            blobs=self.blobs,
            canceller=self,  # type: ignore[arg-type]
            graves=self.graves,
            queue=self.queue,
            docs=self.docs,
            sessions=Turns(self.tables) if turns else None,
            size=size,
            linger_seconds=linger,
            clock=self.clock,
        )

    def clock(self) -> float:
        return time.time() + self.ahead

    def agent(self) -> str:
        return self.agents.create(TENANT, {"name": "A"}, agent_id=uuid7())["id"]

    def task(self, agent: str, **fields: Any) -> str:
        source = Source({**TASK, **fields})
        return self.tasks.create(TENANT, agent, source, task_id=uuid7()).task["id"]

    def execution(self, task: str, status: str = "succeeded", records: int = 3) -> ExecutionRef:
        ref = ExecutionRef(TENANT, uuid7())
        names = {"program": "p", "definition": "d", "digest": "x"}
        made = now_us()
        item = new_item(ref, task_id=task, task_version=1, agent_id="a", metadata={}, created_at=made, **names)
        if status == "running":
            item |= {"status": status, "open_waits": {"main/b1"}}
        else:
            item |= {"status": status, "final_key": "block:main/b0", "final_t": made, "final_count": 2}
            del item["sweep"], item["sweep_at"]
        self.tables.put("core", item)
        for number in range(records):
            pk = ref.record_pk(RecordKey("block", f"main/b{number}"))
            self.tables.put("runs", {"pk": pk, "run": ref.run, "t": made + number, "n": 1})
        self.blobs.put(f"{TENANT}/runs/{ref.id}/large", b"x")
        return ref

    def stop(self, ref: ExecutionRef, item: Item) -> None:
        """What the canceller needs to stop an execution."""
        assert (item["id"], item["digest"], item["replays"], item["open_waits"]) == (ref.id, "x", 0, {"main/b1"})
        assert is_final(item)
        if ref.id in self.unstoppable:
            raise Killed("its machine can't be stopped")
        self.stopped.add(ref.id)

    def work(self, receives: int = 5_000) -> int:
        """Hand out messages until none is left, as SQS does: one that its worker died with comes back, until it goes to the dead letters."""
        slices = 0
        received: dict[str, int] = {}
        while self.queue.messages:
            slices += 1
            assert slices < 5_000
            message = self.queue.messages[0]
            try:
                self.remover.work(message)
            except Killed:
                name = f"{message}"
                received[name] = received.get(name, 0) + 1
                if received[name] < receives:
                    self.queue.messages.append(message)
                else:
                    self.dead.append(message)
            self.queue.messages.pop(0)
        return slices

    def sweep(self) -> None:
        """What the sweeper does with tombstones that are due."""
        for item in list(self.tables.items.values()):
            if "gone" in item and item["sweep_at"] <= self.clock():
                self.remover.resend(item)

    def left(self) -> list[str]:
        return [*(key.pk for key in self.tables.items), *self.blobs.bodies]


def filled(world: World, executions: int) -> tuple[str, list[str]]:
    agent = world.agent()
    for name in ("a", "b", "c"):
        tool = {"name": name, "type": "function"}
        world.tools.create(TENANT, agent, tool, claimed=Claim(uuid7(), repeated=False))
    tasks = [world.task(agent, canonical_name=f"task_{number}") for number in range(3)]
    world.tasks.update(TENANT, agent, Source({"description": "new"}), task_id=tasks[0])
    for number in range(executions):
        status = ("succeeded", "failed", "running")[number % 3]
        world.execution(tasks[number % 3 and number % 2], status, records=number % 5)
    return agent, tasks


@pytest.mark.parametrize("deaths", [0.0, 0.02, 0.3])
def test_an_agent_with_hundreds_of_executions_goes_in_slices(deaths: float):
    world = World(size=20)
    agent, tasks = filled(world, 300)
    kept = world.agent()
    world.agents.delete(TENANT, agent)
    with pytest.raises(NotFound):
        world.agents.get(TENANT, agent)
    with pytest.raises(NotFound):
        world.tools.list(TENANT, agent, ListQuery())
    world.tables.deaths = deaths
    assert world.work() > 40
    world.tables.deaths = 0.0
    assert len(world.stopped) == 100
    with pytest.raises(NotFound):
        world.tasks.get(TENANT, tasks[0])
    for pk in world.left():
        assert kept in (pk, world.tables.items[Key("core", pk)]["id"]), pk


def test_a_killed_delete_request_is_taken_up_by_the_sweeper():
    world = World()
    agent, _ = filled(world, 5)
    world.graves.mark("agent", TENANT, agent, {"name": ""})
    assert world.queue.messages == []
    world.sweep()
    assert world.queue.messages == []
    world.ahead += 121
    world.sweep()
    assert len(world.queue.messages) == 1
    world.sweep()
    assert len(world.queue.messages) == 1
    world.work()
    assert [pk for pk in world.left() if "#name#agent#" not in pk] == []


def test_an_execution_that_cant_be_stopped_does_not_keep_the_others():
    world = World(size=4)
    agent = world.agent()
    task = world.task(agent)
    runs = [world.execution(task, "running") for _ in range(30)]
    world.unstoppable = {runs[0].id, runs[1].id, runs[20].id}
    world.tasks.delete(TENANT, agent, task)
    world.work(receives=3)
    assert {message["kind"] for message in world.dead} == {"execution"}
    assert world.stopped == {ref.id for ref in runs} - world.unstoppable
    left = {world.tables.items[key]["id"] for key in world.tables.items if key.table == "core"}
    assert left == {agent, *world.unstoppable}
    for ref in runs:
        assert (Key("runs", ref.record_pk(RecordKey("block", "main/b0"))) in world.tables.items) == (ref.id in left)
    world.unstoppable = set()
    world.ahead += 121
    world.sweep()
    world.work()
    assert {key.pk for key in world.tables.items if agent not in key.pk and "#name#" not in key.pk} == set()
    assert len(world.stopped) == 30


def test_what_still_wrote_is_removed_when_the_tombstone_goes():
    world = World(linger=960)
    agent = world.agent()
    task = world.task(agent)
    running = world.execution(task, "running")
    world.tasks.delete(TENANT, agent, task)
    world.work()
    late = running.record_pk(RecordKey("block", "main/late"))
    world.tables.put("runs", {"pk": late, "run": running.run, "t": now_us(), "n": 1})
    world.ahead += 100
    world.sweep()
    assert not world.queue.messages
    world.ahead += 1_000
    world.sweep()
    world.work()
    assert [pk for pk in world.left() if agent not in pk and "#name#" not in pk] == []


def test_an_id_can_be_used_again_once_all_is_gone():
    world = World(linger=960)
    agent = world.agent()
    task = world.task(agent)
    world.agents.delete(TENANT, agent)
    with pytest.raises(Conflict) as told:
        world.agents.create_or_update(TENANT, agent, {"name": "B"})
    assert told.value.should_retry
    old = list(world.queue.messages)
    world.work()
    assert world.agents.create_or_update(TENANT, agent, {"name": "B"})["name"] == "B"
    made = world.tasks.create_or_update(TENANT, agent, Source(TASK), task_id=task)
    assert made.task["version"] == 1
    world.queue.messages = old
    world.work()
    world.ahead += 2_000
    world.sweep()
    world.work()
    assert world.agents.get(TENANT, agent)["name"] == "B"
    assert world.tasks.get(TENANT, task)["id"] == task


@pytest.mark.parametrize("deaths", [0.0, 0.05])
def test_docs_go_with_the_agent_or_user_whose_they_are(deaths: float):
    world = World(size=7)
    agent = world.agent()
    user = world.users.create(TENANT, {"name": "U"}, user_id=uuid7())["id"]
    other = world.users.create(TENANT, {"name": "O"}, user_id=uuid7())["id"]
    owners = [DocOwner("agent", agent), DocOwner("user", user), DocOwner("user", other)]
    docs = {owner.id: [uuid7() for _ in range(30)] for owner in owners}
    for owner in owners:
        for number, doc_id in enumerate(docs[owner.id]):
            world.docs.create(TENANT, owner, {"title": "T", "content": f"text {number}"}, doc_id=doc_id)
    world.agents.delete(TENANT, agent)
    world.users.delete(TENANT, user)
    world.tables.deaths = deaths
    world.work()
    world.tables.deaths = 0.0
    for owner in owners[:2]:
        for doc_id in docs[owner.id]:
            with pytest.raises(NotFound):
                world.docs.get(TENANT, doc_id)
    assert len(world.docs.list(TENANT, owners[2], ListQuery()).items) == 30
    names = [item for key, item in world.tables.items.items() if "#name#doc#" in key.pk]
    assert len(names) >= 30
    assert world.users.create_or_update(TENANT, user, {"name": "again"})["name"] == "again"


def chatted(world: World, turns: int, **who: Any) -> str:
    """A session of some turns, with a blob."""
    session_id = world.sessions.create(TENANT, who, session_id=uuid7())["id"]
    of_chats = Change(set={"turns": turns, "window": "{}", "summary": "x"})
    MemoryTables.update(world.tables, Key("core", f"{TENANT}#session#{session_id}"), of_chats)
    for number in range(turns):
        MemoryTables.put(world.tables, "core", {"pk": f"{TENANT}#turn#{session_id}#{number}", "id": session_id})
    world.blobs.put(f"{TENANT}/sessions/{session_id}/0", b"x")
    return session_id


@pytest.mark.parametrize("deaths", [0.0, 0.1])
@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_session_takes_its_links_and_turns_with_it(size: int, deaths: float):
    world = World(size=size)
    agent = world.agent()
    users = [world.users.create(TENANT, {}, user_id=uuid7())["id"] for _ in range(5)]
    kept = chatted(world, 4, agent=agent, users=users[:2])
    before = {*world.left()}
    gone = chatted(world, 20, agent=agent, users=users)
    world.sessions.delete(TENANT, gone)
    world.tables.deaths = deaths
    world.work()
    world.tables.deaths = 0.0
    assert {*world.left()} == before
    assert [one["id"] for one in world.sessions.list(TENANT, ListQuery(), agent=agent).items] == [kept]


def test_a_session_of_which_no_chat_knows_goes_with_its_blobs():
    world = World(turns=False)
    agent = world.agent()
    before = {*world.left()}
    session_id = world.sessions.create(TENANT, {"agent": agent}, session_id=uuid7())["id"]
    world.blobs.put(f"{TENANT}/sessions/{session_id}/0", b"x")
    world.sessions.delete(TENANT, session_id)
    world.work()
    assert {*world.left()} == before


@pytest.mark.parametrize("deaths", [0.0, 0.1])
def test_sessions_outlive_their_participants_whose_lists_go(deaths: float):
    world = World(size=4)
    agent, other = world.agent(), world.agent()
    user = world.users.create(TENANT, {}, user_id=uuid7())["id"]
    sessions = [chatted(world, 1, agents=[agent, other], user=user) for _ in range(10)]
    world.agents.delete(TENANT, agent)
    world.users.delete(TENANT, user)
    world.tables.deaths = deaths
    world.work()
    world.tables.deaths = 0.0
    links = [pk for pk in world.left() if "#sessionof#" in pk]
    assert len(links) == len(sessions)
    assert all(f"#agent#{other}#" in pk for pk in links)
    found = world.sessions.list(TENANT, ListQuery(direction="asc"), agent=other).items
    assert [(one["id"], one["agents"]) for one in found] == [(one, [agent, other]) for one in sessions]
    world.agents.create_or_update(TENANT, agent, {"name": "again"})
    assert world.sessions.list(TENANT, ListQuery(), agent=agent).items == []
    world.sessions.update(TENANT, sessions[0], {"agents": [agent, other]})
    assert [one["id"] for one in world.sessions.list(TENANT, ListQuery(), agent=agent).items] == sessions[:1]
