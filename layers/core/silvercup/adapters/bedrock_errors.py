"""What Bedrock's failures mean, by the SDK's errors and within streams."""

from __future__ import annotations

from typing import Any, cast

from botocore.eventstream import ParserError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as ConnectionFailed
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTooSlow

from silvercup.adapters.aws import BROKEN_OFF, THROTTLED
from silvercup.adapters.model_errors import moved, not_understood, refused, unavailable, unreachable
from silvercup.errors import SilvercupError
from silvercup.llm.model import ModelRequest
from silvercup.llm.streams import too_slow

NO_RIGHTS = "The function's role needs bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream for the model, and the account access to it"

_LATER = {
    *THROTTLED,
    *BROKEN_OFF,
    "InternalServerException",
    "ModelErrorException",
    "ModelNotReadyException",
    "ModelStreamErrorException",
    "ModelTimeoutException",
    "ServiceUnavailableException",
}


def of_sdk(error: Exception, request: ModelRequest) -> Exception:
    """The error of our own for one of botocore's or its transport's; one that is neither is a bug, and stays."""
    match error:
        case SilvercupError():
            return error
        case ClientError():  # EventStreamError too
            return _of_code(error, request)
        case ReadTimeoutError() | ConnectTimeoutError() | ReadTooSlow():
            return too_slow()
        case ResponseParserError() | ParserError():
            return not_understood("it is none of the API")
        case NoCredentialsError():
            return refused("no credentials", "Bedrock is asked by IAM", hint="Give the process credentials of AWS")
        case ConnectionFailed() | HTTPClientError() | HTTPError():
            return unreachable(type(error).__name__)
        case BotoCoreError():
            return refused(type(error).__name__, str(error))
        case _:
            return error


def said(error: ClientError) -> str:
    """The service's own words."""
    return str(cast("dict[str, Any]", error.response.get("Error", {})).get("Message") or "it says nothing more")


def code_of(error: ClientError) -> str:
    """The service's code, such as ``ValidationException``; within a stream it begins with a small letter."""
    code = str(cast("dict[str, Any]", error.response.get("Error", {})).get("Code") or "Unknown")
    return code[:1].upper() + code[1:]


def _of_code(error: ClientError, request: ModelRequest) -> SilvercupError:
    code, words = code_of(error), said(error)
    status = cast("dict[str, Any]", error.response.get("ResponseMetadata", {})).get("HTTPStatusCode", 0)
    if code in _LATER or status in {408, 429} or status >= 500:
        return unavailable(code, words, rate_limit=code in THROTTLED or status == 429)
    return refused(code, words, hint=hint(code, words, request))


def hint(code: str, words: str, request: ModelRequest) -> str:
    """What would be right, after a refusal."""
    if "AccessDenied" in code:
        return NO_RIGHTS
    if "on-demand throughput" in words:
        return f"Use the id of an inference profile, such as bedrock/global.{request.model}"
    unknown = code == "ResourceNotFoundException" or "model identifier is invalid" in words
    return moved(request.model, request.requested_model) if unknown else ""
