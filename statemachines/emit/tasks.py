"""Blocks as Task states: which function runs them, what is tried again, what is caught."""

from __future__ import annotations

from typing import Any

from statemachines.emit.fragment import Level, State
from statemachines.ir import CALLS, Block

STEPS_FUNCTION = "${StepsFunction}"
PROMPTS_FUNCTION = "${PromptsFunction}"
"""Placeholders for the functions' ARNs, filled in when a machine is made."""

RETURN = "Silvercup.Return"
"""The error by which a ``return`` leaves a Map, a Parallel or a child."""
FAILED = "Silvercup.Failed"
RETURNED = "Returned"
"""The error of a block that a ``return`` has ended: its own, or one beside it."""

MORE = "MoreToDo"
"""The error of a row of blocks that goes on in another invocation; its message says from where."""

ASKED = -4
AGAIN = -3
LEFT = -2
"""What a block answers in ``go`` besides the number of an arm: run it once more, a ``return`` ended its frame; ``ASKED``: calls of a
model's tools have to be answered first."""

CHILD = 1
"""What a block that calls a procedure answers when a child has to run it; 0: the machine goes on there."""

_STEP_SECONDS = 120
_CALL_SECONDS = 890
_CHILD_SECONDS = 31_536_000
_INVOKE = "arn:aws:states:::lambda:invoke"

TRANSIENT = (
    "TransientError",
    "ModelUnavailable",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
)
"""Errors of an invocation that a second try may mend."""

POINTER = {f"{name}.$": f"$.{name}" for name in ("execution", "developer", "program", "at", "budget")}
"""What of the pointer goes on into an iteration."""


def block_state(
    name: str, blocks: tuple[Block, ...], level: Level, *, returns: bool, whole: bool = False, items: bool = False
) -> State:
    """The Task state of a block, or of a row of them; a row that does not end in one invocation goes on in the same state.

    Args:
        name: The state's name.
        blocks: What it runs, in order.
        level: Where it stands.
        returns: Whether a ``return`` beside it may end it.
        whole: Whether it answers the whole pointer, which may have moved.
        items: Whether it answers the chunks of a loop too.
    """
    names = [block.id for block in blocks]
    payload: dict[str, Any] = {"op": "blocks", "blocks": names} if names[1:] else {"op": "block", "block": names[0]}
    state = op_state(payload, level, returns=returns, whole=whole, items=items)
    if any(block.by_prompts for block in blocks):
        state["Parameters"]["FunctionName"] = PROMPTS_FUNCTION
    if any(block.effect in CALLS for block in blocks):
        state["TimeoutSeconds"] = _CALL_SECONDS
    if names[1:]:
        state["Catch"].insert(0, {"ErrorEquals": [MORE], "ResultPath": "$.r.more", "Next": name})
    return state


def op_state(
    payload: dict[str, Any], level: Level, *, returns: bool = False, whole: bool = False, items: bool = False
) -> State:
    """The Task state of what is no block: the plan of a loop, the end of a child; see ``block_state``."""
    names = ("prev", "go", "left", "chunks", "lanes", "share") if items else ("prev", "go", "left")
    result: State = (
        {"OutputPath": "$.Payload"} if whole else {"ResultSelector": _answer("$.Payload", names), "ResultPath": "$.r"}
    )
    return {
        "Type": "Task",
        "Resource": _INVOKE,
        "Parameters": {"FunctionName": STEPS_FUNCTION, "Payload": {**payload, "run.$": "$"}},
        **result,
        "TimeoutSeconds": _STEP_SECONDS,
        "Retry": [_retry([*TRANSIENT, "States.Timeout"], 6)],
        "Catch": catches(level, returns=returns),
    }


def token_state(payload: dict[str, Any], level: Level, *, returns: bool, child: bool) -> State:
    """The Task state of what waits to be answered: an execution that awaits input, or the parent of a child."""
    timeout: State = {"TimeoutSeconds": _CHILD_SECONDS} if child else {"TimeoutSecondsPath": "$.r.left"}
    return {
        "Type": "Task",
        "Resource": f"{_INVOKE}.waitForTaskToken",
        "Parameters": {
            "FunctionName": STEPS_FUNCTION,
            "Payload": {**payload, "run.$": "$", "token.$": "$$.Task.Token"},
        },
        "ResultSelector": _answer("$", ("prev", "go", "left")),
        "ResultPath": "$.r",
        **timeout,
        "Retry": [_retry(list(TRANSIENT), 6)],
        "Catch": catches(level, returns=returns, crossing=child),
    }


def catches(level: Level, *, returns: bool, crossing: bool = False) -> list[dict[str, Any]]:
    """The catchers of a Task: a failure is written down in the same list of states.

    Args:
        level: Where it stands.
        returns: Whether a ``return`` beside it may end it.
        crossing: Whether what failed may be a child, which has written its failure down.
    """
    caught: list[dict[str, Any]] = []
    if returns:
        names = [RETURNED, RETURN] if crossing else [RETURNED]
        caught.append({"ErrorEquals": names, "ResultPath": "$.error", "Next": level.leave()})
    caught.append({"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": level.fail})
    return caught


def fail_states(level: Level) -> dict[str, State]:
    """The states that every error of a level ends in: one that writes the failure down, one that fails."""
    payload: dict[str, Any] = {"op": "fail", "run.$": "$"}
    retry, catch = (
        [_retry(["States.ALL"], 8)],
        [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": level.failed}],
    )
    if level.guards:
        payload["guards"] = [list(guard) for guard in level.guards]
        retry.insert(0, {"ErrorEquals": [RETURNED], "MaxAttempts": 0})
        catch.insert(0, {"ErrorEquals": [RETURNED], "ResultPath": "$.error", "Next": level.leave()})
    states: dict[str, State] = {
        level.fail: {
            "Type": "Task",
            "Resource": _INVOKE,
            "Parameters": {"FunctionName": STEPS_FUNCTION, "Payload": payload},
            "ResultPath": None,
            "TimeoutSeconds": _STEP_SECONDS,
            "Retry": retry,
            "Catch": catch,
            "Next": level.failed,
        },
        level.failed: {
            "Type": "Fail",
            "Error": FAILED,
            "Cause": "A step failed; the execution's last transition says why.",
        },
    }
    if level.left:
        states[level.leave()] = {"Type": "Fail", "Error": RETURN, "Cause": "A return ended the workflow."}
    return states


def _answer(path: str, names: tuple[str, ...]) -> dict[str, str]:
    return {f"{name}.$": f"{path}.{name}" for name in names}


def _retry(errors: list[str], attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": attempts,
        "JitterStrategy": "FULL",
    }
