"""The delete queue in SQS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from silvercup import values
from silvercup.adapters.aws import call
from silvercup.values import JsonObject


class SqsDeleteQueue:
    """``silvercup.deletions.DeleteQueue`` over an SQS client."""

    def __init__(self, client: Callable[[], Any], url: str) -> None:
        """Take a maker of an SQS client, called when a message is first sent, and the queue's URL."""
        self._client = client
        self._url = url

    def send(self, message: JsonObject, delay: int = 0) -> None:
        """See ``DeleteQueue.send``."""
        send: Callable[..., Any] = self._client().send_message
        call(send, QueueUrl=self._url, MessageBody=values.dumps(message), DelaySeconds=delay)
