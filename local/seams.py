"""The five places where our code is put into moto's; each has an ADR and is checked against the original in tests.

1. ``LambdaFunction._invoke_lambda``: where moto would start a container, the real handler runs (ADR 0010).
2. ``lambda_eval_utils._invoke_lambda_function``: where its Step Functions interpreter would build a boto3 client and call
   the Lambda API over HTTP, it calls moto's function directly (ADR 0012).
3. ``Table.query``: where moto would look at every item of the table, it looks at those of the index's partition (ADR 0013).
4. ``AmazonStateLanguageParser.parse``: a definition that was parsed before is not parsed again (ADR 0017).
5. ``ExecutionState._set_next``: a state that catches an error and names itself is entered again; moto would go on (ADR 0028).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from local.candidates import Candidates
from local.invoke import Invoker
from local.names import ACCOUNT

_ORIGINAL_INVOKE_LAMBDA = LambdaFunction._invoke_lambda
_ORIGINAL_INVOKE_FUNCTION = lambda_eval_utils._invoke_lambda_function

ORIGINAL_QUERY = Table.query
_ORIGINAL_ALL_ITEMS = Table.all_items

ORIGINAL_PARSE = AmazonStateLanguageParser.parse

_ORIGINAL_HANDLE_CATCH = ExecutionState._handle_catch
_ORIGINAL_SET_NEXT = ExecutionState._set_next

_found = threading.local()
"""``items``: what the Query of this thread looks at."""

_MAX_TREES = 64
_MAX_PAYLOAD_BYTES = 6_000_000
_TOO_LARGE = {
    "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    "errorType": "Function.ResponseSizeTooLarge",
}


def install(invoker: Invoker, candidates: Candidates, *, direct: bool = True) -> None:
    """Make moto run our handlers.

    Args:
        invoker: Who runs them.
        candidates: Knows what a Query can find.
        direct: Whether its interpreter is mended too (the second and fourth seam), or is moto's own.
    """

    def invoke_lambda(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
        absent = event is None or event == "{}"  # what moto makes of an empty body
        outcome = invoker.invoke(self.function_name, {} if absent else event)
        return outcome.payload, outcome.errored, ""

    LambdaFunction._invoke_lambda = invoke_lambda  # pyright: ignore[reportAttributeAccessIssue]
    lambda_eval_utils._invoke_lambda_function = _invoke_directly if direct else _ORIGINAL_INVOKE_FUNCTION
    Table.query = _query_by(candidates)
    Table.all_items = _all_items
    AmazonStateLanguageParser.parse = staticmethod(Trees().parse if direct else ORIGINAL_PARSE)
    ExecutionState._handle_catch = _handle_catch
    ExecutionState._set_next = _set_next


def uninstall() -> None:
    """Give moto its own functions back."""
    LambdaFunction._invoke_lambda = _ORIGINAL_INVOKE_LAMBDA
    lambda_eval_utils._invoke_lambda_function = _ORIGINAL_INVOKE_FUNCTION
    Table.query = ORIGINAL_QUERY
    Table.all_items = _ORIGINAL_ALL_ITEMS
    AmazonStateLanguageParser.parse = staticmethod(ORIGINAL_PARSE)
    ExecutionState._handle_catch = _ORIGINAL_HANDLE_CATCH
    ExecutionState._set_next = _ORIGINAL_SET_NEXT


class Trees:
    """Syntax trees of the definitions that were parsed last; what runs is made of them anew each time."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def parse(self, definition: str) -> tuple[Any, Any]:
        """What the original gives: the program and its syntax tree."""
        with self._lock:
            tree = self._trees.get(definition)
            if tree is not None:
                self._trees.move_to_end(definition)
                return Preprocessor().visit(tree), tree
            program, tree = ORIGINAL_PARSE(definition)
            self._trees[definition] = tree
            if len(self._trees) > _MAX_TREES:
                self._trees.popitem(last=False)
            return program, tree


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


def _query_by(candidates: Candidates) -> Callable[..., Any]:
    def query(
        self: Table,
        hash_key: Any,
        range_comparison: Any,
        range_objs: Any,
        limit: Any,
        exclusive_start_key: Any,
        scan_index_forward: Any,
        projection_expressions: Any,
        index_name: str | None = None,
        *others: Any,
        **named: Any,
    ) -> Any:
        _found.items = _candidate_items(self, candidates, index_name, named.get("hash_key_conditions") or [])
        try:
            return ORIGINAL_QUERY(
                self,
                hash_key,
                range_comparison,
                range_objs,
                limit,
                exclusive_start_key,
                scan_index_forward,
                projection_expressions,
                index_name,
                *others,
                **named,
            )
        finally:
            _found.items = None

    return query


def _candidate_items(
    table: Table, candidates: Candidates, index: str | None, conditions: list[tuple[str, Any]]
) -> list[Any] | None:
    if index is None or not conditions or any(value.type != "S" for _, value in conditions):
        return None
    keys = candidates.find(table.table_arn, index, {name: value.value for name, value in conditions})
    if keys is None:
        return None
    items = (table.items.get(DynamoType({"S": key})) for key in keys)
    return [item for item in items if item is not None]


def _all_items(self: Table) -> list[Any]:
    found: list[Any] | None = getattr(_found, "items", None)
    return _ORIGINAL_ALL_ITEMS(self) if found is None else found


def _handle_catch(self: ExecutionState, env: Any, failure_event: Any) -> None:
    _ORIGINAL_HANDLE_CATCH(self, env, failure_event)
    env.silvercup_caught = env.stack[-1] == CatchOutcome.Caught


def _set_next(self: ExecutionState, env: Any) -> None:
    caught, env.silvercup_caught = getattr(env, "silvercup_caught", False), False
    if not caught:
        _ORIGINAL_SET_NEXT(self, env)
