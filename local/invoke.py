"""How a function of the stack runs here: its real handler, in this process, in the thread that calls.

What Lambda does around a handler is done: JSON in and out, a context, the error payload. What a thread can't be made to
do is not: a function that takes longer than its ``Timeout`` goes on, though ``get_remaining_time_in_millis`` runs out,
and its environment variables, memory and working directory are the process's.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.names import arn
from local.template import Function
from silvercup.errors import SilvercupError

logger = logging.getLogger(__name__)

type Handler = Callable[[Any, Any], Any]


@dataclass(slots=True)
class Context:
    """What a handler gets as its second argument; the attributes are Lambda's."""

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    log_group_name: str = ""
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    _extra: dict[str, Any] = field(default_factory=dict[str, Any])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's time is over, never negative."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave.

    Attributes:
        payload: The result, or the error payload, as JSON text.
        errored: Whether the handler failed.
    """

    payload: str
    errored: bool


class Invoker:
    """Runs the handlers of a template's functions; may be called from any thread."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = {function.name: function for function in functions.values()}
        self._handlers: dict[str, Handler] = {}
        self.stopped = False

    def replace(self, name: str, handler: Handler) -> None:
        """Run another handler under a function's name; for tests and benchmarks."""
        self._handlers[name] = handler

    def load(self, name: str) -> Handler:
        """The handler of a function; its module is imported at the first call, as a cold start would."""
        if name not in self._handlers:
            function = self._functions[name]
            self._handlers[name] = getattr(importlib.import_module(function.module), function.attribute)
        return self._handlers[name]

    def invoke(self, name: str, event: Any) -> Outcome:
        """Run a function.

        Args:
            name: Its physical name.
            event: Plain JSON data; the handler gets it as it is.
        """
        request_id = str(uuid.uuid4())
        if self.stopped:
            return _failure(request_id, "Sandbox.Stopped", "the local stack is stopping", [])
        function = self._functions[name]
        context = Context(
            function_name=name,
            memory_limit_in_mb=str(function.memory),
            invoked_function_arn=arn("lambda", f"function:{name}"),
            aws_request_id=request_id,
            deadline=time.monotonic() + function.timeout,
            log_group_name=f"/aws/lambda/{name}",
        )
        try:
            result = self.load(name)(event, context)
        except Exception as problem:  # whatever a handler raises is Lambda's error payload
            if not isinstance(problem, SilvercupError) and not self.stopped:
                logger.exception("%s failed", name)
            trace = traceback.format_list(traceback.extract_tb(problem.__traceback__)[1:])
            return _failure(request_id, type(problem).__name__, str(problem), trace)
        try:
            return Outcome(json.dumps(result, ensure_ascii=False), errored=False)
        except (TypeError, ValueError) as problem:
            return _failure(request_id, "Runtime.MarshalError", f"Unable to marshal response: {problem}", [])


def _failure(request_id: str, kind: str, message: str, trace: list[str]) -> Outcome:
    payload = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
    return Outcome(json.dumps(payload, ensure_ascii=False), errored=True)
