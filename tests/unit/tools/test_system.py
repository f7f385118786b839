"""System tools over the real services, in memory; chats over a stand-in."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from silvercup.docs.indexing import Indexer
from silvercup.errors import ModelUnavailable, ToolFailed
from silvercup.ids import uuid7
from silvercup.paging import Listed, ListQuery
from silvercup.tools.calls import ToolCall
from silvercup.tools.runner import ToolRunner
from silvercup.tools.system.run import OPERATIONS
from tests.support.docs import LetterEmbedder, MemoryIndexes, StreamedTables
from tests.support.tables import MemoryFiles
from tests.support.world import TENANT, World

OTHER = uuid7()
NOBODY = "00000000-0000-7000-8000-000000000000"
MAIN = [{"evaluate": {"x": "$ _.n + 1"}}]


class Sessions:
    """What other tools need of sessions and chats; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.inner: Any = None

    def create(self, tenant: str, fields: Any, *, session_id: str, repeated: bool = False) -> dict[str, Any]:
        return self._said("create", tenant, session_id, fields, repeated)

    def list(
        self, tenant: str, query: ListQuery, *, agent: str | None = None, user: str | None = None
    ) -> Listed[dict[str, Any]]:
        return Listed([self._said("list", tenant, query.limit, agent, user)])

    def history(self, tenant: str, session_id: str, **which: Any) -> dict[str, Any]:
        return self._said("history", tenant, session_id, which)

    def chat(self, tenant: str, session_id: str, body: Any) -> dict[str, Any]:
        said = self._said("chat", tenant, session_id, body)
        return self.inner() if self.inner else said

    def __getattr__(self, name: str) -> Any:
        if name not in {"create_or_update", "get", "update", "replace", "delete"}:
            raise AttributeError(name)
        return lambda *arguments: self._said(name, *arguments)

    def _said(self, *what: Any) -> dict[str, Any]:
        self.asked.append(what)
        return {"did": what[0]}


class Here:
    """The product, its tools, and short ways to call them."""

    def __init__(self) -> None:
        self.world = World()
        self.tables = StreamedTables()
        self.embedder = LetterEmbedder()
        self.indexes = MemoryIndexes()
        self.sessions = Sessions()
        self.world.install(
            tables=self.tables,
            blobs=self.world.blobs,
            file_store=MemoryFiles(),
            machines=self.world.machines,
            embedder=self.embedder,
            doc_indexes=self.indexes,
            sessions=self.sessions,
            tool_chats=self.sessions,
        )
        self.container = self.world.container
        services: Any = self.container
        self.runner = ToolRunner(
            services,
            lambda: pytest.fail("nothing is sent"),
            {},
            lambda: pytest.fail("nothing is secret"),
            lambda: pytest.fail("nothing speaks MCP"),
        )

    def call(self, operation: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        resource, _, name = operation.partition(".")
        outer, _, inner = resource.partition("/")
        spec = {
            "resource": outer,
            "operation": name,
            **({"subresource": inner} if inner else {}),
            **options.pop("spec", {}),
        }
        tool = {"name": "do", "type": "system", "system": spec}
        return self.runner.run(ToolCall(options.pop("tenant", TENANT), tool, arguments or {}, 30, **options))

    def refused(self, operation: str, arguments: dict[str, Any] | None = None, **options: Any) -> str:
        with pytest.raises(ToolFailed) as caught:
            self.call(operation, arguments, **options)
        return caught.value.message

    def index(self) -> None:
        while self.tables.changes:
            batch = self.tables.changes[:100]
            del self.tables.changes[: Indexer(self.tables, self.world.blobs, self.indexes, self.embedder).work(batch)]


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def agent(here: Here) -> str:
    return here.call("agent.create", {"name": "A"})["id"]


def test_an_agents_life(here: Here):
    made = here.call("agent.create", {"data": {"name": "A", "instructions": "be kind", "metadata": {"n": 1}}})
    assert (made["name"], made["instructions"]) == ("A", ["be kind"])
    one = {"agent_id": made["id"]}
    assert here.call("agent.get", one) == made
    assert here.call("agent.patch", {**one, "about": "x", "metadata": {"m": 2}})["metadata"] == {"n": 1, "m": 2}
    assert here.call("agent.update", {**one, "data": {"name": "B"}})["about"] == ""
    other = here.call("agent.create_or_update", {"agent_id": uuid7(), "name": "C", "canonical_name": "see"})
    assert [item["name"] for item in here.call("agent.list", {"limit": 10, "direction": "asc"})] == ["B", "C"]
    assert here.call("agent.list", {"canonical_name": "see"}) == [other]
    assert here.call("agent.delete", one).keys() == {"id", "deleted_at", "jobs"}
    assert f"agent.get: Agent {made['id']} not found" in here.refused("agent.get", one)


def test_a_files_life(here: Here):
    made = here.call("file.create", {"name": "a.txt", "content": "aGVsbG8=", "mime_type": "text/plain"})
    one = {"file_id": made["id"]}
    assert (made["status"], made["size"], made["content"]) == ("ready", 5, "")
    assert here.call("file.get", one) == {**made, "content": "aGVsbG8="}
    assert here.call("file.get", {**one, "content": False}) == made
    assert here.call("file.list", {"project": "default"}) == [made]
    assert "nowhere" in here.refused("file.list", {"project": "nowhere"})
    assert "base64" in here.refused("file.create", {"name": "a", "content": "%"})
    assert "control characters" in here.refused("file.create", {"name": "a\n", "content": "aGVsbG8="})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("silvercup.tools.system.files.MAX_CONTENT", 4)
        assert "at most 4" in here.refused("file.get", one)
    assert here.call("file.delete", one)["id"] == made["id"]
    assert "not found" in here.refused("file.get", one)


def test_a_users_life(here: Here):
    made = here.call("user.create", {"name": "U", "metadata": {"vip": True}})
    one = {"user_id": made["id"]}
    assert here.call("user.get", one) == made
    assert here.call("user.patch", {**one, "about": "x"})["name"] == "U"
    assert here.call("user.update", {**one, "name": "V"})["about"] == ""
    assert here.call("user.list", {"metadata_filter": {"vip": True}}) == []
    assert here.call("user.create", {"user_id": uuid7(), "data": {"metadata": {"vip": True}}})["name"] == ""
    assert len(here.call("user.list", {"metadata_filter": {"vip": True}})) == 1
    assert here.call("user.create_or_update", {**one, "name": "W"})["id"] == made["id"]
    here.call("user.delete", one)
    assert "not found" in here.refused("user.get", one)


def test_tools_of_an_agent_are_by_default_the_callers(here: Here, agent: str):
    made = here.call("agent/tool.create", {"name": "ask", "type": "function"}, agent_id=agent)
    assert made["agent_id"] == agent
    one = {"tool_id": made["id"], "agent_id": agent}
    assert here.call("agent/tool.get", one) == made
    assert here.call("agent/tool.patch", {**one, "description": "d"})["description"] == "d"
    assert here.call("agent/tool.update", {**one, "name": "beg", "type": "function"})["name"] == "beg"
    assert [item["name"] for item in here.call("agent/tool.list", agent_id=agent)] == ["beg"]
    here.call("agent/tool.delete", one)
    assert here.call("agent/tool.list", {"agent_id": agent}) == []
    assert "'agent_id' is a required property" in here.refused("agent/tool.list")
    broken = {"name": "x", "type": "system", "agent_id": agent}
    assert "The tool is not well defined: system is missing" in here.refused("agent/tool.create", broken)


def test_a_tasks_life_and_its_execution(here: Here, agent: str):
    made = here.call("task.create", {"agent_id": agent, "data": {"name": "T", "main": MAIN, "side": MAIN}})
    assert made["side"][0]["kind_"] == "evaluate"
    one = {"task_id": made["id"]}
    assert here.call("task.get", one) == made
    assert here.call("task.patch", {**one, "agent_id": agent, "description": "d"})["version"] == 2
    assert here.call("task.update", {**one, "name": "T2", "main": MAIN}, agent_id=agent)["version"] == 3
    assert [item["name"] for item in here.call("task.list", agent_id=agent)] == ["T2"]
    begun = here.call("task/execution.create", {**one, "data": {"input": {"n": 1}, "metadata": {"m": 1}}})
    assert begun["metadata"] == {"m": 1, "jobs": [begun["id"]]}
    here.world.machines.settle()
    job = here.call("job.get", {"job_id": begun["id"]})
    assert (job["id"], job["state"]) == (begun["id"], "succeeded")
    run = {"execution_id": begun["id"]}
    assert here.call("execution.get", run)["output"] == {"x": 2}
    assert [item["id"] for item in here.call("task/execution.list", one)] == [begun["id"]]
    assert [item["id"] for item in here.call("execution.list", {"status": "succeeded"})] == [begun["id"]]
    listed = here.call("execution/transition.list", {**run, "limit": 50})
    assert {item["type"] for item in listed} == {"init", "finish"}
    last = {**run, "transition_id": listed[0]["id"]}
    assert here.call("execution/transition.get", last) == listed[0]
    here.call("execution.delete", run)
    assert here.call("task.delete", one)["id"] == made["id"]
    other = here.call("task.create_or_update", {"task_id": uuid7(), "name": "X", "main": MAIN}, agent_id=agent)
    assert here.call("task.delete", {"task_id": other["id"], "agent_id": agent})["id"] == other["id"]


def test_an_execution_is_resumed_or_cancelled(here: Here, agent: str):
    main = [{"wait_for_input": {"info": {"q": "?"}}}, {"evaluate": {"got": "$ _.a"}}]
    task = here.call("task.create", {"name": "T", "main": main}, agent_id=agent)["id"]
    first, second = (here.call("execution.create", {"task_id": task, "input": {}})["id"] for _ in range(2))
    here.world.machines.settle()
    here.call("execution.change_status", {"execution_id": first, "status": "running", "input": {"a": 5}})
    cancelled = here.call("execution.change_status", {"execution_id": second, "status": "cancelled", "reason": "no"})
    here.world.machines.settle()
    assert here.call("execution.get", {"execution_id": first})["output"] == {"got": 5}
    assert cancelled["status"] == "cancelled"
    assert "execution.change_status: " in here.refused(
        "execution.change_status", {"execution_id": second, "status": "running"}
    )


@pytest.mark.parametrize("prefix", ["agent/doc", "user/doc", "doc"])
def test_docs_are_created_found_and_deleted(here: Here, agent: str, prefix: str):
    user = here.call("user.create", {"name": "U"})["id"]
    whose = {"agent/doc": {"agent_id": agent}, "user/doc": {"user_id": user}, "doc": {}}[prefix]
    made = here.call(f"{prefix}.create", {**whose, "data": {"title": "Pets", "content": "cat dog"}}, agent_id=agent)
    here.index()
    assert here.call("job.get", {"job_id": made["id"]})["state"] == "succeeded"
    found = here.call(f"{prefix}.search", {**whose, "text": "dog"}, agent_id=agent)
    assert found.keys() == {"docs", "time"}
    assert [doc["id"] for doc in found["docs"]] == [made["id"]]
    assert "embedding" not in found["docs"][0]["snippet"]
    (listed,) = here.call(f"{prefix}.list", whose, agent_id=agent)
    assert listed["id"] == made["id"]
    assert here.call(f"{prefix}.delete", {**whose, "doc_id": made["id"]}, agent_id=agent)["id"] == made["id"]
    assert here.call(f"{prefix}.list", whose, agent_id=agent) == []


def test_a_text_is_embedded_where_the_mode_asks_for_it(here: Here, agent: str):
    here.call("doc.create", {"title": "Pets", "content": "cat dog", "metadata": {"k": 1}}, agent_id=agent)
    here.index()
    asked = len(here.embedder.asked)
    by_meaning = here.call("doc.search", {"search_params": {"text": "dog cat", "mode": "vector"}}, agent_id=agent)
    assert len(by_meaning["docs"]) == 1
    assert len(here.embedder.asked) == asked + 1
    vector = here.call("doc.embed", {"text": "dog cat"})["vectors"][0]
    again = here.call("doc.search", {"vector": vector, "include_embeddings": True}, agent_id=agent)
    assert again["docs"][0]["distance"] == pytest.approx(by_meaning["docs"][0]["distance"])
    assert len(again["docs"][0]["snippet"]["embedding"]) == 26
    assert here.call("doc.search", {"text": "dog", "metadata_filter": {"k": 2}}, agent_id=agent)["docs"] == []


def test_the_text_of_a_stored_file_becomes_a_doc(here: Here, agent: str):
    content = base64.b64encode(b"# Pets\n\ncat dog").decode()
    file = here.call("file.create", {"name": "pets.md", "content": content})["id"]
    made = here.call("agent/doc.create", {"agent_id": agent, "data": {"file_id": file, "metadata": {"k": 1}}})
    assert (made["title"], made["metadata"]) == ("Pets", {"k": 1})
    assert here.call("doc.get", {"doc_id": made["id"]})["content"] == ["# Pets\n\ncat dog"]
    named = here.call("doc.create", {"file_id": file, "title": "Named"}, agent_id=agent)
    assert named["title"] == "Named"
    both = {"file_id": file, "content": "c", "agent_id": agent}
    assert "content and file_id are both given" in here.refused("agent/doc.create", both)
    assert "title and content must be given, or a file_id" in here.refused("agent/doc.create", {"agent_id": agent})
    assert "content must be given" in here.refused("agent/doc.create", {"agent_id": agent, "title": "T"})


def test_one_docs_life(here: Here, agent: str):
    made = here.call("agent/doc.create", {"agent_id": agent, "title": "T", "content": ["a", "b"]})
    one = {"doc_id": made["id"]}
    assert here.call("doc.get", one)["content"] == ["a", "b"]
    assert here.call("doc.patch", {**one, "metadata": {"a": 1}})["metadata"] == {"a": 1}
    assert here.call("doc.update", {**one, "title": "T", "content": "c"})["metadata"] == {}
    user = here.call("user.create", {"name": "U"})["id"]
    assert "not found among the docs of user" in here.refused("user/doc.delete", {**one, "user_id": user})
    assert here.call("doc.delete", one)["id"] == made["id"]
    assert "both" in here.refused("doc.list", {"agent_id": agent, "user_id": user})
    assert "give agent_id or user_id" in here.refused("doc.list")


def test_texts_are_embedded(here: Here):
    here.call("doc.embed", {"text": ["a", "b"], "embed_instruction": "As: "})
    assert here.embedder.asked[-1] == ["As: a", "As: b"]
    here.embedder.down = True
    with pytest.raises(ModelUnavailable):
        here.call("doc.embed", {"text": "a"})


def test_sessions_go_to_their_service(here: Here):
    session, agent, user = uuid7(), uuid7(), uuid7()
    one = {"session_id": session}
    here.call("session.create", {"agent": agent, "situation": "s"}, made_id=session)
    here.call("session.create_or_update", {**one, "agents": [agent]})
    here.call("session.update", {**one, "situation": "t"})
    here.call("session.patch", {**one, "data": {"metadata": {"a": 1}}})
    assert here.call("session.list", {"limit": 5, "user": user}) == [{"did": "list"}]
    here.call("session.get", one)
    here.call("session.delete", one)
    here.call("session.history", one)
    here.call("session.history", {**one, "limit": 7, "offset": 2, "direction": "desc"})
    assert here.call("session.chat", {**one, "messages": [{"role": "user"}], "model": "m"}) == {"did": "chat"}
    assert here.sessions.asked == [
        ("create", TENANT, session, {"agent": agent, "situation": "s"}, True),
        ("create_or_update", TENANT, session, {"agents": [agent]}),
        ("replace", TENANT, session, {"situation": "t"}),
        ("update", TENANT, session, {"metadata": {"a": 1}}),
        ("list", TENANT, 5, None, user),
        ("get", TENANT, session),
        ("delete", TENANT, session),
        ("history", TENANT, session, {"limit": None, "offset": 0, "newest_first": False}),
        ("history", TENANT, session, {"limit": 7, "offset": 2, "newest_first": True}),
        ("chat", TENANT, session, {"messages": [{"role": "user"}], "model": "m"}),
    ]


def test_chats_that_call_chats_come_to_an_end(here: Here):
    session = uuid7()
    asked = {"session_id": session, "messages": [{}]}
    assert "a session can't chat with itself" in here.refused("session.chat", asked, session_id=session)
    here.sessions.inner = lambda: here.call("session.chat", asked)
    assert "3 deep at most" in here.refused("session.chat", asked)
    assert len(here.sessions.asked) == 3
    here.sessions.inner = None
    assert here.call("session.chat", asked) == {"did": "chat"}


def test_what_the_definition_says_wins(here: Here, agent: str):
    fixed = {"resource_id": agent, "arguments": {"title": "Fixed", "metadata": {"a": 1}}}
    given = {"agent_id": uuid7(), "data": {"title": "Given", "content": "c", "metadata": {"a": 2, "b": 3}}}
    made = here.call("agent/doc.create", given, spec=fixed)
    assert (made["title"], made["metadata"]) == ("Fixed", {"a": 1, "b": 3})
    assert [one["id"] for one in here.call("agent/doc.list", {"agent_id": agent})] == [made["id"]]
    here.call("agent.list", spec={"resource_id": agent})


def test_another_tenants_things_are_not_there(here: Here, agent: str):
    user = here.call("user.create", {"name": "U"})["id"]
    assert "not found" in here.refused("agent.get", {"agent_id": agent}, tenant=OTHER)
    assert "not found" in here.refused("user.delete", {"user_id": user}, tenant=OTHER)
    assert "not found" in here.refused("agent/doc.list", {"agent_id": agent}, tenant=OTHER)
    assert "not found" in here.refused("task.create", {"name": "T", "main": MAIN}, tenant=OTHER, agent_id=agent)
    assert here.call("agent.list", tenant=OTHER) == []
    assert "arguments.developer_id: is not known" in here.refused("agent.list", {"developer_id": TENANT}, tenant=OTHER)


def test_a_call_with_an_id_of_its_own_creates_nothing_twice(here: Here, agent: str):
    once = uuid7()
    for operation, arguments in (
        ("agent.create", {"name": "Once"}),
        ("user.create", {"name": "Once"}),
        ("task.create", {"name": "Once", "main": MAIN, "agent_id": agent}),
        ("agent/doc.create", {"title": "Once", "content": "c", "agent_id": agent}),
        ("agent/tool.create", {"name": "once", "type": "function", "agent_id": agent}),
    ):
        first, second = (here.call(operation, arguments, made_id=once) for _ in range(2))
        assert first == second
        assert first["id"] == once
    assert len(here.call("user.list")) == 1


@pytest.mark.parametrize(
    ("operation", "arguments", "why"),
    [
        ("agent.get", {}, "arguments: 'agent_id' is a required property"),
        ("agent.get", {"agent_id": "x"}, "arguments.agent_id must be a UUID; it is 'x'"),
        ("agent.get", {"agent_id": 3}, "arguments.agent_id: 3 is not of type 'string'"),
        ("agent.get", {"agent_id": None}, "'agent_id' is a required property"),
        ("agent.list", {"limit": "10"}, "arguments.limit: '10' is not of type 'integer'"),
        ("agent.list", {"limit": 0}, "arguments.limit: 0 is less than the minimum of 1"),
        ("agent.list", {"limits": 1}, "arguments.limits: is not known (Did you mean 'limit'?)"),
        ("agent.list", {"sort_by": "name"}, "'name' is not one of ['created_at', 'updated_at']"),
        ("agent.list", {"metadata_filter": {"a": {}}}, "arguments.metadata_filter.a: {} is not of type"),
        ("agent.create", {"data": "x", "name": "n"}, "arguments.data: is not known"),
        ("agent.create", {"name": "n", "project": "nowhere"}, "agent.create: "),
        ("execution.change_status", {"execution_id": uuid7(), "status": "paused"}, "'paused' is not one of"),
        ("doc.search", {"text": "a", "limit": 51}, "51 is greater than the maximum"),
        ("agent.fly", {}, "not implemented for agent.fly; there is agent.list, agent.get"),
        ("agent/cloud.list", {}, "not implemented for agent/cloud.list; there is agent/doc.list, agent/tool.list"),
        ("moon.list", {}, "not implemented for moon.list; there is"),
        ("job.get", {"job_id": NOBODY}, f"Job {NOBODY} not found; a job's id is its execution's, or its doc's"),
        ("session.history", {"session_id": NOBODY, "sort_by": "created_at"}, "sort_by: is not known"),
    ],
)
def test_what_is_wrong_is_said(here: Here, operation: str, arguments: dict[str, Any], why: str):
    assert why in here.refused(operation, arguments)


def test_all_problems_of_a_task_are_told(here: Here, agent: str):
    message = here.refused("task.create", {"agent_id": agent, "name": "T", "main": [{"evaluat": {}}, {"tool": "no"}]})
    assert "main[0]: 'evaluat' is no kind of step (Did you mean 'evaluate'?)" in message
    assert "main[1]" in message
    one = here.refused("task.create", {"agent_id": agent, "name": "T", "main": [{"evaluat": {}}]})
    assert one.endswith("main[0]: 'evaluat' is no kind of step (Did you mean 'evaluate'?)")


def test_the_table_has_what_v1_had_and_what_it_left_out():
    v1 = """agent.list agent.get agent.create agent.update agent.delete agent/doc.list agent/doc.create agent/doc.delete
    agent/doc.search user.list user.get user.create user.update user.delete user/doc.list user/doc.create user/doc.delete
    user/doc.search session.list session.get session.create session.update session.create_or_update session.chat
    session.history task.list task.get task.create task.update task.delete task/execution.create"""
    added = """session.delete agent.patch user.patch session.patch task.patch doc.embed execution.change_status execution.get
    execution.list execution/transition.list agent/tool.list agent/tool.create agent/tool.update agent/tool.delete doc.get
    doc.list doc.create doc.delete doc.search"""
    assert {*v1.split(), *added.split()} <= OPERATIONS.keys()


def test_other_types_are_given_back():
    nothing: Any = None
    runner = ToolRunner(nothing, nothing, {}, nothing, nothing)
    with pytest.raises(
        ToolFailed, match="A tool of type 'function' is run by the caller; here run api_call, integration, system"
    ):
        runner.run(ToolCall(TENANT, {"name": "x", "type": "function"}, {}, 1))
    with pytest.raises(ToolFailed, match="has no object 'system'"):
        runner.run(ToolCall(TENANT, {"name": "x", "type": "system"}, {}, 1))


def test_a_call_shows_nothing_of_its_arguments():
    call = ToolCall(TENANT, {"name": "hunter2"}, {"a": "hunter2"}, 1)
    assert "hunter2" not in repr(call)
