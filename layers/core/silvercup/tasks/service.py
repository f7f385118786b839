"""The API's operations on tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from silvercup import values
from silvercup.deletions import Graves, is_gone
from silvercup.errors import ConditionFailed, Conflict, InvalidRequest, InvalidTask, NotFound
from silvercup.executions.service import Runnable
from silvercup.ids import now_us
from silvercup.listing import Owner, list_items
from silvercup.paging import Listed, ListQuery, index_attributes
from silvercup.resources.names import Names, generated
from silvercup.resources.tools import tools_of
from silvercup.storage import Blobs, Item, Key, Tables
from silvercup.tasks.versions import Versions, version_item
from silvercup.times import iso
from silvercup.values import JsonObject

if TYPE_CHECKING:  # only who writes a task needs the compiler
    from statemachines import Compiled, Source
    from statemachines.tools import ToolCheck

_TABLE = "core"
_INLINE_BYTES = 100_000
_ATTEMPTS = 5


class ResolvedModel(Protocol):
    """What serves a model name."""

    @property
    def warning(self) -> str | None:
        """That another model serves it, where one does."""
        ...


class ModelCatalog(Protocol):
    """What this room needs of the models."""

    def resolve(self, name: str, /) -> ResolvedModel:
        """What serves a model name.

        Raises:
            InvalidRequest: Nothing does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """A task that was written.

    Attributes:
        task: As the API shows it.
        warnings: What was accepted but looks wrong, as JSON.
    """

    task: JsonObject
    warnings: list[JsonObject]


class TaskService:
    """Creates and shows tasks, and finds them to run.

    Args:
        tables: Where tasks are kept.
        blobs: Where their definitions and programs are.
        catalog: Gives the models, when one is named.
        graves: Deletes.
        check_tool: Says what is wrong with what a tool's type defines.
    """

    def __init__(
        self,
        tables: Tables,
        blobs: Blobs,
        catalog: Callable[[], ModelCatalog],
        graves: Graves,
        check_tool: ToolCheck,
    ) -> None:
        self._tables = tables
        self._blobs = blobs
        self._catalog = catalog
        self._graves = graves
        self._check_tool = check_tool
        self._names = Names(tables, "task", self._carries)
        self._versions = Versions(tables, blobs)

    def create(
        self,
        tenant: str,
        agent_id: str,
        source: Source,
        *,
        task_id: str,
        repeated: bool = False,
        strict: bool = False,
    ) -> Saved:
        """Make a task.

        Args:
            tenant: The developer.
            agent_id: Its agent.
            source: The definition.
            task_id: The id to make it under.
            repeated: An earlier attempt may have made it: then it is returned as it is.
            strict: Whether warnings are errors.

        Raises:
            NotFound: There is no such agent.
            InvalidTask: The definition has problems; lists all of them.
            Conflict: The canonical name is taken.
        """
        agent = self._agent(tenant, agent_id)
        try:
            return self._write(tenant, agent, source, task_id, None, strict=strict, keep_existing=repeated)
        except ConditionFailed:
            raise Conflict(f"There is a task {task_id} already") from None

    def create_or_update(
        self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False
    ) -> Saved:
        """Make a task under an id that the caller chose, or write a new version of it; running executions keep theirs.

        Raises:
            NotFound: There is no such agent, or the task is another agent's.
            InvalidTask: The definition has problems; lists all of them.
            Conflict: The canonical name is taken, or others write the task at the same time.
        """
        return self._rewrite(tenant, agent_id, task_id, lambda _: source, strict=strict, make=True)

    def replace(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved:
        """Write a new version of a task; running executions keep theirs. An absent canonical name stays.

        Raises:
            NotFound: The agent has no such task.
            InvalidTask: The definition has problems; lists all of them.
            Conflict: The canonical name is taken, or others write the task at the same time.
        """
        return self._rewrite(tenant, agent_id, task_id, lambda _: source, strict=strict, rename=True)

    def update(self, tenant: str, agent_id: str, source: Source, *, task_id: str, strict: bool = False) -> Saved:
        """Write a new version in which the keys that are given replace the old ones, and ``metadata`` is merged.

        A key that is null stays as it was, except that a sub-workflow of null is taken away.

        Raises:
            NotFound: The agent has no such task.
            InvalidTask: The definition has problems; lists all of them.
            InvalidRequest: The body is no object.
            Conflict: The canonical name is taken, or others write the task at the same time.
        """
        from silvercup.tasks.body import patched
        from statemachines import Source

        def change(item: Item) -> Source:
            return Source(patched(self._body(item), source.value), source.lines, source.warnings)

        return self._rewrite(tenant, agent_id, task_id, change, strict=strict, rename=True)

    def delete(self, tenant: str, agent_id: str, task_id: str) -> JsonObject:
        """Take a task and its name away; its unfinished executions are cancelled, and all of it removed in slices.

        Returns:
            ``{id, deleted_at, jobs: []}``.

        Raises:
            NotFound: The agent has no such task.
        """
        item = self._existing(tenant, task_id)
        if item["agent_id"] != agent_id:
            raise _not_of(agent_id, task_id)
        answer = self._graves.bury("task", tenant, task_id, {"name": item["canonical_name"]})
        self._names.release(tenant, item["canonical_name"], task_id)
        return answer

    def versions(self, tenant: str, task_id: str, query: ListQuery) -> Listed[JsonObject]:
        """A page of a task's versions, by number.

        Raises:
            NotFound: There is no such task.
            InvalidRequest: The cursor is not one of this list.
        """
        return self._versions.list(tenant, self._existing(tenant, task_id), query)

    def version(self, tenant: str, task_id: str, number: int) -> JsonObject:
        """One version, with its definition and report.

        Raises:
            NotFound: There is no such task, or it has no such version.
        """
        item = self._versions.find(tenant, self._existing(tenant, task_id), number)
        return self._versions.show(item) | {"task": self._show(item), "definition": self._versions.definition(item)}

    def check(self, tenant: str, source: Source, *, agent_id: str | None = None, strict: bool = False) -> JsonObject:
        """What compiling a definition would give; nothing is kept.

        Args:
            tenant: The developer.
            source: The definition.
            agent_id: The agent whose tools it may inherit.
            strict: Whether warnings are errors.

        Returns:
            ``{ok, errors, warnings, report, definition}``; the last two are null when there are errors.

        Raises:
            NotFound: There is no such agent.
        """
        agent = self._agent(tenant, agent_id) if agent_id is not None else None
        substitutions: dict[str, str] = {}
        answer: JsonObject = {"ok": False, "errors": [], "warnings": [], "report": None, "definition": None}
        try:
            compiled = self._compile(tenant, agent, source, "", 1, substitutions, strict=strict)
        except InvalidTask as invalid:
            return answer | {"errors": [problem.as_dict() for problem in invalid.details]}
        return {
            "ok": True,
            "errors": [],
            "warnings": _warnings(compiled, substitutions),
            "report": compiled.report.as_dict(),
            "definition": values.loads(compiled.definition),
        }

    def get(self, tenant: str, task_id: str) -> JsonObject:
        """One task, its newest version.

        Raises:
            NotFound: There is none.
        """
        return self._show(self._existing(tenant, task_id))

    def list(self, tenant: str, agent_id: str, query: ListQuery) -> Listed[JsonObject]:
        """The tasks of an agent, each in its newest version.

        Raises:
            NotFound: There is no such agent.
        """
        owner = Owner(_agent_key(tenant, agent_id), lambda: _no_agent(agent_id))
        return list_items(self._tables, _TABLE, _partition(tenant, agent_id), query, owner).map(self._show)

    def owner(self, tenant: str, task_id: str) -> Owner:
        """A task as what its executions belong to."""
        return Owner(_key(tenant, task_id), lambda: _no_task(task_id))

    def runnable(self, tenant: str, task_id: str) -> Runnable:
        """The newest version of a task, to run it.

        Raises:
            NotFound: There is none.
        """
        item = self._existing(tenant, task_id)
        return Runnable(
            task_id=task_id,
            version=item["version"],
            agent_id=item["agent_id"],
            program=item["program"],
            definition=item["definition"],
            digest=item["digest"],
            input_schema=self._body(item).get("input_schema"),
        )

    def _rewrite(
        self,
        tenant: str,
        agent_id: str,
        task_id: str,
        source: Callable[[Item], Source],
        *,
        strict: bool,
        make: bool = False,
        rename: bool = False,
    ) -> Saved:
        """Write a task's next version; ``source`` gives the definition, from the version before."""
        agent_key = _agent_key(tenant, agent_id)
        found = self._tables.get_many([_key(tenant, task_id), agent_key])
        agent, existing = found.get(agent_key), found.get(_key(tenant, task_id))
        if agent is None or is_gone(agent):
            raise _no_agent(agent_id)
        for _ in range(_ATTEMPTS):
            if is_gone(existing):
                existing = None
            if existing is None and not make:
                raise _not_of(agent_id, task_id)
            if existing is not None and existing["agent_id"] != agent_id:
                raise _not_of(agent_id, task_id)
            definition = source(existing or {})
            try:
                return self._write(tenant, agent, definition, task_id, existing, strict=strict, rename=rename)
            except ConditionFailed as error:
                existing = dict(error.found) if error.found else None
        raise Conflict(f"Task {task_id} is being written by others at the same time; try again", should_retry=True)

    def _write(
        self,
        tenant: str,
        agent: Item,
        source: Source,
        task_id: str,
        existing: Item | None,
        *,
        strict: bool,
        keep_existing: bool = False,
        rename: bool = False,
    ) -> Saved:
        from silvercup.tasks.body import kept

        version = existing["version"] + 1 if existing else 1
        substitutions: dict[str, str] = {}
        compiled = self._compile(tenant, agent, source, task_id, version, substitutions, strict=strict)
        body = kept(source.value)
        body["canonical_name"] = self._name(tenant, task_id, body.get("canonical_name"), existing, rename=rename)
        now = max(now_us(), existing["updated_at"] + 1) if existing else now_us()
        created_at = existing["created_at"] if existing else now
        item = self._store(tenant, agent["id"], task_id, version, compiled, body, created_at, now)
        warnings = _warnings(compiled, substitutions)
        if existing is not None:
            self._tables.put(_TABLE, version_item(tenant, existing))
        try:
            if existing is None:
                self._tables.put(_TABLE, item, if_absent=True)
            else:
                self._tables.put(_TABLE, item, condition="#version = :before", args={"before": existing["version"]})
        except ConditionFailed as error:
            found = dict(error.found or {})
            if existing is None and "gone" in found:
                self._graves.make_anew(item, found)
            elif found.get("content") == item["content"] or (keep_existing and found):
                return Saved(self._show(found), warnings)
            else:
                raise
        if existing is not None and existing["canonical_name"].lower() != item["canonical_name"].lower():
            self._names.release(tenant, existing["canonical_name"], task_id)
        return Saved(self._show(item), warnings)

    def _name(self, tenant: str, task_id: str, wanted: str | None, existing: Item | None, *, rename: bool) -> str:
        """The canonical name of the next version, reserved."""
        if existing is not None and (not wanted or not rename):
            return existing["canonical_name"]
        if not wanted:
            return generated(task_id)
        self._names.take(tenant, wanted, task_id)
        return wanted

    def _compile(
        self,
        tenant: str,
        agent: Item | None,
        source: Source,
        task_id: str,
        version: int,
        substitutions: dict[str, str],
        *,
        strict: bool,
    ) -> Compiled:
        from statemachines import Context, compile_task

        value = cast("JsonObject", source.value) if isinstance(source.value, dict) else {}
        shown: JsonObject = {
            "id": task_id,
            "agent_id": None if agent is None else agent["id"],
            "version": version,
            "name": value.get("name"),
            "metadata": value.get("metadata") or {},
        }

        def model_problem(name: str) -> str | None:
            try:
                warning = self._catalog().resolve(name).warning
            except InvalidRequest as error:
                return error.message
            if warning is not None:
                substitutions[name] = warning
            return None

        inherits = value.get("inherit_tools") is True
        tools = tools_of(self._tables, tenant, agent) if agent is not None and inherits else {}
        context = Context(
            agent_tools=tools, check_model=model_problem, check_tool=self._check_tool, task=shown, strict=strict
        )
        return compile_task(source, context)

    def _store(
        self,
        tenant: str,
        agent_id: str,
        task_id: str,
        version: int,
        compiled: Compiled,
        body: JsonObject,
        created_at: int,
        now: int,
    ) -> Item:
        """Write the version's blobs (by content: two writers of one version can't mix) and make the task's item."""
        from statemachines.program import dump

        text = values.dumps(body)
        content = values.digest([body, version])[:32]
        prefix = f"{tenant}/tasks/{task_id}/{version}/{content}"
        self._blobs.put(f"{prefix}/program.json", dump(compiled.program).encode("utf-8", "surrogatepass"))
        self._blobs.put(f"{prefix}/definition.asl.json", compiled.definition.encode("utf-8", "surrogatepass"))
        self._blobs.put(f"{prefix}/task.json", text.encode("utf-8", "surrogatepass"))
        item: Item = {
            "pk": _key(tenant, task_id).pk,
            "kind": "task",
            "id": task_id,
            "agent_id": agent_id,
            "version": version,
            "content": content,
            "canonical_name": body["canonical_name"],
            "program": f"{prefix}/program.json",
            "definition": f"{prefix}/definition.asl.json",
            "digest": compiled.digest,
            "metadata": values.dumps(body["metadata"]),
            "report": values.dumps(compiled.report.as_dict()),
            "created_at": created_at,
            "updated_at": now,
            **index_attributes(_partition(tenant, agent_id), task_id, created_at, now),
        }
        if len(text) <= _INLINE_BYTES:
            item["body"] = text
        else:
            item["body_blob"] = f"{prefix}/task.json"
        return item

    def _body(self, item: Item) -> JsonObject:
        if "body" in item:
            return values.loads(item["body"])
        stored = self._blobs.get(item["body_blob"])
        if stored is None:
            raise NotFound(f"Task {item['id']} not found")
        return values.loads(stored)

    def _show(self, item: Item) -> JsonObject:
        return {
            "id": item["id"],
            "agent_id": item["agent_id"],
            "version": item["version"],
            "created_at": iso(item["created_at"]),
            "updated_at": iso(item["updated_at"]),
            **self._body(item),
        }

    def _existing(self, tenant: str, task_id: str) -> Item:
        item = self._tables.get(_key(tenant, task_id))
        if item is None or is_gone(item):
            raise _no_task(task_id)
        return item

    def _agent(self, tenant: str, agent_id: str) -> Item:
        item = self._tables.get(_agent_key(tenant, agent_id))
        if item is None or is_gone(item):
            raise _no_agent(agent_id)
        return item

    def _carries(self, tenant: str, task_id: str, name: str) -> bool:
        item = self._tables.get(_key(tenant, task_id))
        return item is not None and str(item.get("canonical_name", "")).lower() == name.lower()


def _warnings(compiled: Compiled, substitutions: dict[str, str]) -> list[JsonObject]:
    warnings = [problem.as_dict() for problem in compiled.warnings]
    return warnings + [{"loc": "", "msg": message} for message in substitutions.values()]


def _no_agent(agent_id: str) -> NotFound:
    return NotFound(f"Agent {agent_id} not found")


def _no_task(task_id: str) -> NotFound:
    return NotFound(f"Task {task_id} not found")


def _not_of(agent_id: str, task_id: str) -> NotFound:
    return NotFound(f"Agent {agent_id} has no task {task_id}")


def _key(tenant: str, task_id: str) -> Key:
    return Key(_TABLE, f"{tenant}#task#{task_id}")


def _agent_key(tenant: str, agent_id: str) -> Key:
    return Key(_TABLE, f"{tenant}#agent#{agent_id}")


def _partition(tenant: str, agent_id: str) -> str:
    return f"{tenant}#task#{agent_id}"
