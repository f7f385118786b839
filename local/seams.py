"""The two places where our code is put into moto's; each has an ADR and is checked against the original in tests.

1. ``LambdaFunction._invoke_lambda``: where moto would start a container, the real handler runs (ADR 0010).
2. ``lambda_eval_utils._invoke_lambda_function``: where its Step Functions interpreter would build a boto3 client and call
   the Lambda API over HTTP, it calls moto's function directly (ADR 0012).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from local.invoke import Invoker
from local.names import ACCOUNT

_ORIGINAL_INVOKE_LAMBDA = LambdaFunction._invoke_lambda
_ORIGINAL_INVOKE_FUNCTION = lambda_eval_utils._invoke_lambda_function

_MAX_PAYLOAD_BYTES = 6_000_000
_TOO_LARGE = {
    "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    "errorType": "Function.ResponseSizeTooLarge",
}


def install(invoker: Invoker, *, direct: bool = True) -> None:
    """Make moto run our handlers.

    Args:
        invoker: Who runs them.
        direct: Whether a state calls its function directly (the second seam) or through the Lambda API.
    """

    def invoke_lambda(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
        absent = event is None or event == "{}"  # what moto makes of an empty body
        outcome = invoker.invoke(self.function_name, {} if absent else event)
        return outcome.payload, outcome.errored, ""

    LambdaFunction._invoke_lambda = invoke_lambda  # pyright: ignore[reportAttributeAccessIssue]
    lambda_eval_utils._invoke_lambda_function = _invoke_directly if direct else _ORIGINAL_INVOKE_FUNCTION


def uninstall() -> None:
    """Give moto its own functions back."""
    LambdaFunction._invoke_lambda = _ORIGINAL_INVOKE_LAMBDA
    lambda_eval_utils._invoke_lambda_function = _ORIGINAL_INVOKE_FUNCTION


def _invoke_directly(parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
    """What the original gives: the answer of ``Invoke`` with its payload parsed.

    A function that is not there, and every parameter that changes what is called or how, goes the original's way.
    """
    if set(parameters) - {"FunctionName", "Payload"}:
        return _ORIGINAL_INVOKE_FUNCTION(parameters, region, state_credentials)
    try:
        function = get_backend(ACCOUNT, region).get_function(parameters["FunctionName"])
    except Exception:  # noqa: BLE001  # the original has the error that a state shows
        return _ORIGINAL_INVOKE_FUNCTION(parameters, region, state_credentials)
    payload, errored, _ = function._invoke_lambda(event=json.loads(parameters.get("Payload") or b"{}"))
    headers: dict[str, str] = {"content-type": "application/json"}
    answer: dict[str, Any] = {
        "ResponseMetadata": {
            "RequestId": str(uuid.uuid4()),
            "HTTPStatusCode": 200,
            "HTTPHeaders": headers,
            "RetryAttempts": 0,
        },
        "StatusCode": 200,
    }
    if errored:
        answer["FunctionError"] = "Handled"
    if sys.getsizeof(payload.encode()) > _MAX_PAYLOAD_BYTES:
        answer["FunctionError"] = "Unhandled"
        answer["Payload"] = dict(_TOO_LARGE)
        return answer
    answer["Payload"] = json.loads(payload)
    return answer
