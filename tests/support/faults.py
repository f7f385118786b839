"""Faults: every request that the product sends to AWS can be made to fail once, before or after it is carried out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError, ConnectionClosedError

from silvercup.container import Container

type Side = Literal["api", "machine"]
type When = Literal["before", "after"]

_SERVICES = ("dynamodb", "s3", "stepfunctions", "secretsmanager")


@dataclass(frozen=True)
class Fault:
    """One request that fails.

    Attributes:
        side: Who sends it: the API, or a function that a state machine calls.
        number: Which of that side's requests, from 0.
        when: Before it is carried out, or after (its answer is lost).
    """

    side: Side
    number: int
    when: When


@dataclass
class Injector:
    """Counts requests by side, and fails one of them.

    Attributes:
        sent: Operation names of the requests so far.
        hit: Whether the fault happened.
    """

    fault: Fault | None = None
    sent: dict[Side, list[str]] = field(default_factory=lambda: {"api": [], "machine": []})
    hit: bool = False
    _counts: Counter[Side] = field(default_factory=Counter)
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def installed(self, container: Container) -> Generator[None]:
        """Watch a container's requests: those of the thread ``api``, and those of the run time."""
        clients = [container.clients.get(service) for service in _SERVICES]
        runtime = container.runtime
        invoke = runtime.invoke

        def marked(event: dict[str, Any]) -> dict[str, Any]:
            self._local.machine = True
            try:
                return invoke(event)
            finally:
                self._local.machine = False

        runtime.invoke = marked  # type: ignore[method-assign]
        for client in clients:
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._after)
        try:
            yield
        finally:
            runtime.invoke = invoke  # type: ignore[method-assign]
            for client in clients:
                client.meta.events.unregister("before-call", self._before)
                client.meta.events.unregister("after-call", self._after)

    def _side(self) -> Side | None:
        if getattr(self._local, "machine", False):
            return "machine"
        return "api" if threading.current_thread().name == "api" else None

    def _before(self, model: Any, **_: Any) -> None:
        side = self._side()
        if side is None:
            return
        with self._lock:
            number = self._counts[side]
            self._counts[side] += 1
            self.sent[side].append(model.name)
        self._local.number = number
        if self.fault == Fault(side, number, "before"):
            self.hit = True
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "injected"}}, model.name)

    def _after(self, **_: Any) -> None:
        side = self._side()
        if side is not None and self.fault == Fault(side, self._local.number, "after") and not self.hit:
            self.hit = True
            raise ConnectionClosedError(endpoint_url="http://injected")
