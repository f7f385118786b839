"""Blocks as Task states: which function runs them, what is tried again, what is caught."""

from __future__ import annotations

from typing import Any

from statemachines.emit.fragment import State
from statemachines.ir import Block

STEPS_FUNCTION = "${StepsFunction}"
PROMPTS_FUNCTION = "${PromptsFunction}"
"""Placeholders for the functions' ARNs, filled in when a machine is made."""

FAIL_STATE = "fail"
FAILED_STATE = "failed"

_LONGEST_NAME = 80
_STEP_SECONDS = 120
_PROMPT_SECONDS = 890

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


def task_state(block: Block) -> State:
    """The Task state of a block that runs to its end in one invocation."""
    model = block.effect == "prompt"
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": PROMPTS_FUNCTION if model else STEPS_FUNCTION,
            "Payload": {"op": "block", "block": block.id, "run.$": "$"},
        },
        "ResultSelector": _answer("$.Payload"),
        "ResultPath": "$.r",
        "TimeoutSeconds": _PROMPT_SECONDS if model else _STEP_SECONDS,
        "Retry": [_retry([*TRANSIENT, "States.Timeout"], 6)],
        "Catch": [catch_all()],
    }


def wait_state(block: Block) -> State:
    """The Task state of a block that waits to be answered: this state is the execution awaiting input."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": STEPS_FUNCTION,
            "Payload": {"op": "block", "block": block.id, "run.$": "$", "token.$": "$$.Task.Token"},
        },
        "ResultSelector": _answer("$"),
        "ResultPath": "$.r",
        "TimeoutSecondsPath": "$.r.left",
        "Retry": [_retry(list(TRANSIENT), 6)],
        "Catch": [catch_all()],
    }


def fail_states() -> dict[str, State]:
    """The states that every error ends in: one that writes the failure down, one that fails."""
    return {
        FAIL_STATE: {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": STEPS_FUNCTION, "Payload": {"op": "fail", "run.$": "$"}},
            "ResultPath": None,
            "TimeoutSeconds": _STEP_SECONDS,
            "Retry": [_retry(["States.ALL"], 8)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": FAILED_STATE}],
            "Next": FAILED_STATE,
        },
        FAILED_STATE: {
            "Type": "Fail",
            "Error": "Silvercup.Failed",
            "Cause": "A step failed; the execution's last transition says why.",
        },
    }


def catch_all() -> dict[str, Any]:
    """The catcher of every Task: the failure is written down in the same States block."""
    return {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": FAIL_STATE}


def state_name(block: Block, what: str) -> str:
    """A state's name: unique by the block's id, readable in the console, at most 80 characters."""
    name = f"{block.id} {block.loc} {what}"
    if len(name) <= _LONGEST_NAME:
        return name
    keep = _LONGEST_NAME - len(block.id) - len(what) - 3
    return f"{block.id} …{block.loc[len(block.loc) - keep :]} {what}"


def _answer(path: str) -> dict[str, str]:
    return {f"{name}.$": f"{path}.{name}" for name in ("prev", "go", "left")}


def _retry(errors: list[str], attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": attempts,
        "JitterStrategy": "FULL",
    }
