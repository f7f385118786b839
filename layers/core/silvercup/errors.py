"""The one tree of errors; ``http.problems`` maps it to HTTP, once.

SilvercupError
 ├── RequestError               the caller can mend it
 │    ├── InvalidRequest        400  a value is not acceptable
 │    │    ├── InvalidTask      400  the task definition; lists every problem
 │    │    └── InvalidInput     400  an execution's input breaks the task's ``input_schema``
 │    ├── Unauthenticated       401  no API key
 │    ├── Forbidden             403  a wrong or revoked API key
 │    ├── NotFound              404  no such thing, or another developer's
 │    ├── Conflict              409  the thing is not in a state that allows this
 │    ├── TooLarge              413  the body is over the limit
 │    └── InvalidShape          422  the body does not have the shape of the API
 ├── StepError                       a step of a running task failed; never retried
 │    ├── ExpressionError            an expression did not parse, or failed, or went over a limit
 │    ├── ModelRejected         400  the provider refused the request
 │    │    └── ContextOverflow  400  the prompt has more tokens than the model takes
 │    └── ToolFailed            400  a tool's call was refused, or failed; a chat's model is told
 ├── TransientError             503  may work when tried again
 │    └── ModelUnavailable      502  the provider is down, slow or limits the rate
 ├── ConditionFailed            409  a conditional write found something else (carries what it found)
 └── InternalError              500  a bug, or a broken deployment
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request or a task.

    Attributes:
        loc: Where, as a dotted path with indices (``main[3].then.prompt``); empty for the whole body.
        msg: What is wrong.
        line: The line of the YAML text, counted from 1, where there is one.
        hint: What would be right, where that can be said.
    """

    loc: str
    msg: str
    line: int | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The problem as the API shows it: absent parts are left out."""
        full = {"loc": self.loc, "msg": self.msg, "line": self.line, "hint": self.hint}
        return {name: value for name, value in full.items() if value is not None}


class SilvercupError(Exception):
    """The root. ``message`` is for a person; ``code`` and ``http_status`` are for the API's answer."""

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, details: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details: tuple[Problem, ...] = tuple(details)


class RequestError(SilvercupError):
    """The caller can mend it."""

    http_status = 400
    code = "bad_request"


class InvalidRequest(RequestError):
    """A value of the request is not acceptable."""


class InvalidTask(InvalidRequest):
    """A task definition has problems; ``details`` lists all of them."""

    code = "invalid_task"

    def __init__(self, details: Sequence[Problem]) -> None:
        count = len(details)
        first = details[0]
        where = f"{first.loc}: " if first.loc else ""
        more = f" (and {count - 1} more, see details)" if count > 1 else ""
        super().__init__(f"Task specification contains validation errors: {where}{first.msg}{more}", details)


class InvalidInput(InvalidRequest):
    """An execution's input does not match its task's ``input_schema``, or an answer is not what a wait is for."""

    code = "invalid_input"


class Unauthenticated(RequestError):
    """The request carries no API key."""

    http_status = 401
    code = "unauthenticated"


class Forbidden(RequestError):
    """The API key is not one of ours, or was revoked."""

    http_status = 403
    code = "forbidden"


class NotFound(RequestError):
    """There is no such thing; another developer's thing is answered in the same way."""

    http_status = 404
    code = "not_found"


class Conflict(RequestError):
    """The thing is not in a state that allows this.

    Attributes:
        should_retry: Whether the client may try the same request again; the old client retries every 409 otherwise.
    """

    http_status = 409
    code = "conflict"

    def __init__(self, message: str, details: Sequence[Problem] = (), *, should_retry: bool = False) -> None:
        super().__init__(message, details)
        self.should_retry = should_retry


class TooLarge(RequestError):
    """The body, or a value in it, is over a limit that the message names."""

    http_status = 413
    code = "too_large"


class InvalidShape(RequestError):
    """The body does not have the shape that the API asks for."""

    http_status = 422
    code = "validation_error"


class StepError(SilvercupError):
    """A step of a running task failed. The message becomes the execution's error; it is not retried."""

    http_status = 400
    code = "step_failed"


class ExpressionError(StepError):
    """An expression did not parse, failed when evaluated, or went over a limit."""

    code = "expression_error"


class ModelRejected(StepError):
    """The model's provider refused the request: trying again will not help."""

    code = "llm_bad_request"


class ContextOverflow(ModelRejected):
    """The prompt has more tokens than the model takes, or than the session's ``token_budget``."""


class ToolFailed(StepError):
    """A tool's call was refused, or failed. The message is for the model that made the call as much as for a person.

    Attributes:
        transient: Whether what is outside was throttled, slow or unreachable, still so after the tool's own attempts.
    """

    code = "tool_failed"

    def __init__(self, message: str, details: Sequence[Problem] = (), *, transient: bool = False) -> None:
        super().__init__(message, details)
        self.transient = transient


class TransientError(SilvercupError):
    """Something outside was throttled, slow or unreachable; the same call may work later."""

    http_status = 503
    code = "unavailable"
    retryable = True


class ModelUnavailable(TransientError):
    """The model's provider is down, too slow, or limits the rate."""

    http_status = 502
    code = "llm_api_error"


class ConditionFailed(SilvercupError):
    """A conditional write found the item in another state.

    Attributes:
        found: The item as it was found, or None when there was none.
    """

    http_status = 409
    code = "conflict"

    def __init__(self, found: Mapping[str, Any] | None) -> None:
        super().__init__("a conditional write found another state")
        self.found = found


class InternalError(SilvercupError):
    """A bug or a broken deployment. The message says nothing about data."""
