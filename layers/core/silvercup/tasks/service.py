"""The API's operations on tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from silvercup import values
from silvercup.errors import ConditionFailed, Conflict, InvalidRequest, NotFound
from silvercup.executions.service import Runnable
from silvercup.ids import now_us
from silvercup.paging import Listed, ListQuery, index_attributes, list_items
from silvercup.resources.names import Names, generated
from silvercup.storage import Blobs, Item, Key, Tables
from silvercup.tasks.body import kept
from silvercup.times import iso
from silvercup.values import JsonObject
from statemachines import Compiled, Context, Source, compile_task
from statemachines.program import dump

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
    """Creates and shows tasks, and finds them to run."""

    def __init__(self, tables: Tables, blobs: Blobs, catalog: Callable[[], ModelCatalog]) -> None:
        self._tables = tables
        self._blobs = blobs
        self._catalog = catalog
        self._names = Names(tables, "task", self._carries)

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
        self._need_agent(tenant, agent_id)
        try:
            return self._write(tenant, agent_id, source, task_id, None, strict=strict, keep_existing=repeated)
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
        found = self._tables.get_many([_key(tenant, task_id), Key(_TABLE, f"{tenant}#agent#{agent_id}")])
        if Key(_TABLE, f"{tenant}#agent#{agent_id}") not in found:
            raise NotFound(f"Agent {agent_id} not found")
        existing = found.get(_key(tenant, task_id))
        for _ in range(_ATTEMPTS):
            if existing is not None and existing["agent_id"] != agent_id:
                raise NotFound(f"Agent {agent_id} has no task {task_id}")
            try:
                return self._write(tenant, agent_id, source, task_id, existing, strict=strict, keep_existing=False)
            except ConditionFailed as error:
                existing = dict(error.found) if error.found else None
        raise Conflict(f"Task {task_id} is being written by others at the same time; try again", should_retry=True)

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
        self._need_agent(tenant, agent_id)
        return list_items(self._tables, _TABLE, _partition(tenant, agent_id), query).map(self._show)

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

    def _write(
        self,
        tenant: str,
        agent_id: str,
        source: Source,
        task_id: str,
        existing: Item | None,
        *,
        strict: bool,
        keep_existing: bool,
    ) -> Saved:
        version = existing["version"] + 1 if existing else 1
        substitutions: dict[str, str] = {}
        compiled = self._compile(source, agent_id, task_id, version, substitutions, strict=strict)
        body = kept(source.value)
        wanted = body.get("canonical_name")
        if existing is not None:
            body["canonical_name"] = existing["canonical_name"]
        elif wanted:
            self._names.take(tenant, wanted, task_id)
        else:
            body["canonical_name"] = generated(task_id)
        now = now_us()
        created_at = existing["created_at"] if existing else now
        item = self._store(tenant, agent_id, task_id, version, compiled, body, created_at, now)
        warnings = [problem.as_dict() for problem in compiled.warnings]
        warnings += [{"loc": "", "msg": message} for message in substitutions.values()]
        try:
            if existing is None:
                self._tables.put(_TABLE, item, if_absent=True)
            else:
                self._tables.put(_TABLE, item, condition="#version = :before", args={"before": existing["version"]})
        except ConditionFailed as error:
            found = dict(error.found or {})
            if found.get("content") == item["content"] or (keep_existing and found):
                return Saved(self._show(found), warnings)
            raise
        return Saved(self._show(item), warnings)

    def _compile(
        self,
        source: Source,
        agent_id: str,
        task_id: str,
        version: int,
        substitutions: dict[str, str],
        *,
        strict: bool,
    ) -> Compiled:
        value = cast("JsonObject", source.value) if isinstance(source.value, dict) else {}
        shown: JsonObject = {
            "id": task_id,
            "agent_id": agent_id,
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

        return compile_task(source, Context(check_model=model_problem, task=shown, strict=strict))

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
        if item is None:
            raise NotFound(f"Task {task_id} not found")
        return item

    def _need_agent(self, tenant: str, agent_id: str) -> None:
        if self._tables.get(Key(_TABLE, f"{tenant}#agent#{agent_id}")) is None:
            raise NotFound(f"Agent {agent_id} not found")

    def _carries(self, tenant: str, task_id: str, name: str) -> bool:
        item = self._tables.get(_key(tenant, task_id))
        return item is not None and str(item["canonical_name"]).lower() == name.lower()


def _key(tenant: str, task_id: str) -> Key:
    return Key(_TABLE, f"{tenant}#task#{task_id}")


def _partition(tenant: str, agent_id: str) -> str:
    return f"{tenant}#task#{agent_id}"
