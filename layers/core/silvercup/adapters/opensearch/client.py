"""The client, and its failures as errors of our own tree."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.errors import InternalError, TransientError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

POOL = 20
"""Connections that are kept open."""
LONGEST_PAUSE = 8.0
"""Seconds between two attempts at most."""


class Refused(InternalError):
    """OpenSearch understood the request and answered with an error that waiting does not mend.

    Attributes:
        status: The HTTP status.
        kind: OpenSearch's type of the error, such as ``index_not_found_exception``; empty where there is none.
    """

    def __init__(self, what: str, status: int, kind: str) -> None:
        super().__init__(f"opensearch:{what} failed with {status} {kind}".rstrip())
        self.status = status
        self.kind = kind


def make_client(settings: OpenSearchSettings) -> OpenSearch:
    """A client of the endpoint; it may be used by many threads.

    It doesn't try again by itself, since it would at once: ``Requests`` does, with pauses. Its log lines are switched off but for errors:
    it warns of each 404, and says on lower levels what is in requests.

    Raises:
        InternalError: Requests are to be signed and there are no AWS credentials.
    """
    from opensearchpy import OpenSearch, Urllib3HttpConnection
    from urllib3 import Timeout

    logging.getLogger("opensearch").setLevel(logging.ERROR)
    return OpenSearch(
        hosts=[_with_port(settings.endpoint)],
        http_auth=_signer(settings),
        connection_class=Urllib3HttpConnection,
        pool_maxsize=POOL,
        timeout=Timeout(connect=settings.connect_timeout, read=settings.read_timeout),
        max_retries=0,
    )


def _with_port(endpoint: str) -> str:
    """The endpoint with the scheme's port where it names none: ``opensearchpy`` would take 9200."""
    parts = urlsplit(endpoint)
    if parts.port is not None:
        return endpoint
    port = 443 if parts.scheme == "https" else 80
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _signer(settings: OpenSearchSettings) -> Any:
    if not settings.service:
        return None
    from botocore.session import get_session
    from opensearchpy import Urllib3AWSV4SignerAuth

    credentials = get_session().get_credentials()
    if credentials is None:
        raise InternalError("requests to OpenSearch are to be signed, and there are no AWS credentials")
    return Urllib3AWSV4SignerAuth(credentials, settings.region, settings.service)


class Requests:
    """Sends requests, again after a pause where that may help.

    Attributes:
        client: What sends them.
    """

    def __init__(self, client: OpenSearch, attempts: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self.attempts = attempts
        self._sleep = sleep

    def send[R](self, what: str, method: Callable[[], R]) -> R:
        """Call a method of the client.

        Args:
            what: What messages call it.
            method: The call.

        Returns:
            What the method returns.

        Raises:
            TransientError: 429, a 5xx, or no answer, each time. A write may have been carried out all the same.
            Refused: Any other error. Its message names the status and the type, never data.
            InternalError: The answer could not be read.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return self._once(what, method)
            except TransientError:
                if attempt == self.attempts:
                    raise
                self.pause(attempt)
        raise AssertionError("attempts are 1 or more")

    def pause(self, attempt: int) -> None:
        """Wait after a failed attempt, counted from 1: up to 0.5, 1, 2, 4, 8 seconds, with full jitter."""
        self._sleep(random.uniform(0, min(0.25 * 2**attempt, LONGEST_PAUSE)))  # noqa: S311  # spreads load, guards nothing

    def _once[R](self, what: str, method: Callable[[], R]) -> R:
        from opensearchpy.exceptions import ConnectionError as ConnectionFailed
        from opensearchpy.exceptions import OpenSearchException, TransportError

        try:
            return method()
        except ConnectionFailed as error:
            cause = type(error).__name__
            raise TransientError(f"opensearch:{what} got no answer ({cause}); it may work later") from error
        except TransportError as error:
            status = error.status_code
            if not isinstance(status, int):
                raise TransientError(f"opensearch:{what} got no answer ({status}); it may work later") from error
            if passes(status):
                raise TransientError(f"opensearch:{what} failed with {status}; it may work later") from error
            raise Refused(what, status, kind_of(error.info)) from error
        except OpenSearchException as error:
            raise InternalError(f"opensearch:{what} failed ({type(error).__name__})") from error


def to_json(value: object) -> bytes:
    """A body of a request. A half of a surrogate pair, which JSON may hold and UTF-8 may not, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def passes(status: int) -> bool:
    """Whether a request that was answered with this status may work later."""
    return status == 429 or status >= 500


def kind_of(info: object) -> str:
    """The type of the error that an answer, or an item of a bulk answer, tells of."""
    error: object = cast("Mapping[str, object]", info).get("error") if isinstance(info, Mapping) else None
    kind = cast("Mapping[str, object]", error).get("type") if isinstance(error, Mapping) else None
    return kind if isinstance(kind, str) else ""
