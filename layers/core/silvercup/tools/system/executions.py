"""Operations on executions, their transitions, and jobs."""

from __future__ import annotations

from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, choice, obj, text, uuid
from silvercup.values import JsonObject

_ID: JsonObject = {"execution_id": uuid("The execution's id")}
_TASK: JsonObject = {"task_id": uuid("The task's id")}


def _create(request: Request) -> JsonObject:
    arguments = request.arguments
    return request.services.executions.create(
        request.tenant,
        arguments["task_id"],
        input=arguments.get("input", {}),
        metadata=arguments.get("metadata"),
        execution_id=request.made_id,
    )


def _list(request: Request) -> list[JsonObject]:
    from silvercup.executions.search import Search

    arguments = request.arguments
    search = Search(arguments.get("status"), arguments.get("task_id"), arguments.get("agent_id"))
    return request.services.executions.find(request.tenant, search, request.page()).items


def _get(request: Request) -> JsonObject:
    return request.services.executions.get(request.tenant, request.arguments["execution_id"])


def _change_status(request: Request) -> JsonObject:
    arguments, executions = request.arguments, request.services.executions
    execution = arguments["execution_id"]
    if arguments["status"] == "cancelled":
        return executions.cancel(request.tenant, execution, arguments.get("reason"))
    wait = arguments.get("transition_id")
    repeated = request.repeated
    return executions.resume(request.tenant, execution, arguments.get("input"), is_retry=repeated, transition_id=wait)


def _delete(request: Request) -> JsonObject:
    return request.services.executions.delete(request.tenant, request.arguments["execution_id"])


def _transitions(request: Request) -> list[JsonObject]:
    execution, scope = request.arguments["execution_id"], request.arguments.get("scope_id")
    return request.services.executions.transitions(request.tenant, execution, request.page(), scope).items


def _transition(request: Request) -> JsonObject:
    execution, transition = request.arguments["execution_id"], request.arguments["transition_id"]
    return request.services.executions.transition(request.tenant, execution, transition)


def _job(request: Request) -> JsonObject:
    from silvercup.executions.jobs import job_of

    job, services = request.arguments["job_id"], request.services
    return job_of(
        job,
        execution=lambda: services.executions.get(request.tenant, job),
        doc=lambda: services.docs.job(request.tenant, job),
    )


_CREATE = Operation(
    "Start an execution of a task",
    _create,
    {**_TASK, "input": obj("What the task gets"), "metadata": METADATA},
    ("task_id",),
)
_FIND: JsonObject = {
    "status": choice(
        "Only those in this state", *"queued starting running awaiting_input succeeded failed cancelled".split()
    ),
    "agent_id": uuid("Only those of this agent's tasks"),
    **LISTING,
}
_LIST_TRANSITIONS = Operation(
    "List an execution's transitions",
    _transitions,
    {**_ID, "scope_id": text("Only those of this scope"), **LISTING},
    ("execution_id",),
)
_GET_TRANSITION = Operation(
    "Get one transition of an execution",
    _transition,
    {**_ID, "transition_id": uuid("The transition's id")},
    ("execution_id", "transition_id"),
)
OPERATIONS = {
    "task/execution.create": _CREATE,
    "task/execution.list": Operation("List a task's executions", _list, _TASK | _FIND, ("task_id",)),
    "execution.create": _CREATE,
    "execution.list": Operation("List executions of all tasks", _list, _TASK | _FIND),
    "execution.get": Operation("Get an execution: its status, input and output", _get, _ID, ("execution_id",)),
    "execution.change_status": Operation(
        "Resume an execution that awaits input, or cancel one",
        _change_status,
        {
            **_ID,
            "status": choice("running: resume with input; cancelled: cancel", "running", "cancelled"),
            "input": obj("What it waits for"),
            "reason": text("Why it is cancelled"),
            "transition_id": uuid("Which wait is answered, when several are open"),
        },
        ("execution_id", "status"),
    ),
    "execution.delete": Operation("Delete an execution; one that runs is cancelled", _delete, _ID, ("execution_id",)),
    "execution/transition.list": _LIST_TRANSITIONS,
    "execution/transition.get": _GET_TRANSITION,
    "job.get": Operation(
        "Get the state of an execution, or of a doc's embedding",
        _job,
        {"job_id": uuid("The id of the execution, or of the doc")},
        ("job_id",),
    ),
}
