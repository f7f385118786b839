"""AWS clients, made when first asked for, and their failures as errors of our own tree.

``botocore`` is used without ``boto3``: it makes the same clients and imports in about two thirds of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as ConnectionFailed
from botocore.session import get_session

from silvercup.errors import InternalError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient

CONNECT_TIMEOUT = 2
"""Seconds."""
READ_TIMEOUT = 10
"""Seconds; every call made here answers in well under one."""
LOCAL_READ_TIMEOUT = 60
"""Seconds; a stand-in on loopback may need several for a large state machine."""
ATTEMPTS = 4
"""How often one request is sent at most."""

NO_KEY = "silvercup"
"""What requests to loopback are signed with: nobody checks it."""

THROTTLED = frozenset({
    "BandwidthLimitExceeded",
    "ExecutionLimitExceeded",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
})  # fmt: skip
"""Error codes that say: later."""
BROKEN_OFF = frozenset({"InternalServerError", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable"})
"""Error codes of requests that may or may not have been carried out."""


class Refused(InternalError):
    """The service understood the request and answered with an error that waiting does not mend.

    Adapters catch it where an answer is expected; elsewhere it is a bug or a broken deployment.

    Attributes:
        aws_code: The service's error code, such as ``ConditionalCheckFailedException``.
        answer: The whole answer.
    """

    def __init__(self, operation: str, aws_code: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{operation} failed with {aws_code}")
        self.aws_code = aws_code
        self.answer = answer


def call[**P, R](method: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a client's method.

    Returns:
        What the method returns.

    Raises:
        TransientError: Throttled, a 5xx, a connection that failed or took too long; the client has tried several times.
            A write may have been carried out all the same.
        Refused: Any other error code. Its message names the operation and the code, never data.
        InternalError: The SDK could not send it (no credentials, a parameter of a wrong type, ...).
    """
    try:
        return method(*args, **kwargs)
    except ClientError as error:
        operation = _name(method)
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in THROTTLED or code in BROKEN_OFF or status >= 500 or status == 429:
            raise TransientError(f"{operation} failed with {code}; it may work later") from error
        raise Refused(operation, code, error.response) from error
    except (ConnectionFailed, HTTPClientError, IncompleteReadError) as error:
        raise TransientError(f"{_name(method)} got no answer ({type(error).__name__}); it may work later") from error
    except BotoCoreError as error:
        raise InternalError(f"{_name(method)} could not be sent ({type(error).__name__})") from error


def _name(method: Callable[..., Any]) -> str:
    """``dynamodb:put_item`` for a client's method."""
    client: Any = getattr(method, "__self__", None)
    service = client.meta.service_model.service_name if hasattr(client, "meta") else "aws"
    return f"{service}:{getattr(method, '__name__', 'call')}"


type Service = Literal["bedrock-runtime", "dynamodb", "kms", "s3", "secretsmanager", "sqs", "stepfunctions"]


class Clients:
    """One client per service. A client may be used by many threads; making one may not, so that is done in turn.

    With an ``endpoint_url`` on loopback (the local stack) requests are signed with made-up credentials, so that the
    user's own never leave their place.

    Args:
        region: The AWS region.
        endpoint_url: Where AWS is, when not at its own addresses.
        attempts: How often one request is sent at most.
        bedrock_url: Where Bedrock is, when elsewhere.
    """

    def __init__(
        self,
        *,
        region: str,
        endpoint_url: str | None = None,
        attempts: int = ATTEMPTS,
        bedrock_url: str | None = None,
    ) -> None:
        self.region = region
        self._attempts = attempts
        self._endpoint_url = endpoint_url
        self._bedrock_url = bedrock_url or endpoint_url
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session: Any = None

    @overload
    def get(self, service: Literal["bedrock-runtime"]) -> Any: ...
    @overload
    def get(self, service: Literal["dynamodb"]) -> DynamoDBClient: ...
    @overload
    def get(self, service: Literal["kms"]) -> Any: ...
    @overload
    def get(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def get(self, service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
    @overload
    def get(self, service: Literal["sqs"]) -> Any: ...
    @overload
    def get(self, service: Literal["stepfunctions"]) -> SFNClient: ...
    def get(self, service: Service) -> Any:
        """The client of a service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def models(self, read_timeout: float) -> Any:
        """A client of Bedrock that waits so many seconds for an answer, or for the next part of one."""
        key = f"models {read_timeout}"
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make("bedrock-runtime", read_timeout)
            return self._clients[key]

    @property
    def bedrock_url(self) -> str | None:
        """Where Bedrock is, when not at its own address."""
        return self._bedrock_url

    def _make(self, service: Service, read_timeout: float | None = None) -> Any:
        self._session = self._session or get_session()
        endpoint_url = self._bedrock_url if service == "bedrock-runtime" else self._endpoint_url
        local = is_loopback(endpoint_url)
        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=read_timeout or (LOCAL_READ_TIMEOUT if local else READ_TIMEOUT),
            retries={"mode": "standard", "total_max_attempts": self._attempts},
            max_pool_connections=50,
            tcp_keepalive=True,
            s3={"addressing_style": "path" if endpoint_url else "virtual"},  # else signed URLs name no region
            signature_version="s3v4" if service == "s3" else None,
        )
        return self._session.create_client(
            service,
            region_name=self.region,
            endpoint_url=endpoint_url,
            config=config,
            aws_access_key_id=NO_KEY if local else None,
            aws_secret_access_key=NO_KEY if local else None,
        )


def is_loopback(url: str | None) -> bool:
    """Whether an address is on this machine."""
    return (urlsplit(url or "").hostname or "") in {"127.0.0.1", "::1", "localhost"}
