"""Connections to public addresses only.

A host is looked up once; every address of the answer is checked, and the connection is made to an address that was checked, so that a
second answer of the name server changes nothing.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from silvercup.adapters.http_network import Network, SystemNetwork
from silvercup.errors import ToolFailed
from silvercup.tools.addresses import refusal


class Unreachable(Exception):
    """An attempt failed in passing; the text says why."""


class Reach:
    """Connects.

    Args:
        allow_loopback: Let connections to loopback through as well, and nothing else.
        network: Looks names up and connects; None: the machine's own.
    """

    def __init__(self, *, allow_loopback: bool = False, network: Network | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._network = network or SystemNetwork()

    def connect(self, host: str, port: int, shown: str, deadline: float, *, is_address: bool) -> socket.socket:
        """A connection.

        Args:
            host: A name, or an IP address where ``is_address``.
            port: 1 to 65535.
            shown: What to call it in messages.
            deadline: ``time.monotonic()`` at which it must be there.
            is_address: Whether nothing has to be looked up.

        Raises:
            ToolFailed: There is no such host, or one of its addresses is refused.
            Unreachable: It may be there later.
        """
        addresses = [host] if is_address else self._resolve(host, port, shown, deadline)
        for address in addresses:
            kind = refusal(address, allow_loopback=self._allow_loopback)
            if kind is not None:
                raise ToolFailed(f"{shown} is refused: {host} is {kind}; tools reach public addresses only")
        for address in addresses:
            try:
                return self._network.connect(address, port, left(deadline))
            except OSError:
                continue
        raise Unreachable(f"{shown} can't be reached: no connection is to be had")

    def _resolve(self, host: str, port: int, shown: str, deadline: float) -> list[str]:
        try:
            found = self._network.resolve(host, port, left(deadline))
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Unreachable(f"{shown}: the name {host} can't be looked up") from None
            raise ToolFailed(f"{shown}: there is no host of the name {host}") from None
        except (OSError, UnicodeError):
            raise Unreachable(f"{shown}: the name {host} can't be looked up") from None
        if not found:
            raise ToolFailed(f"{shown}: the host {host} has no address")
        return found


def left(deadline: float) -> float:
    """Seconds until a time of ``time.monotonic()``; a little where it is over."""
    return max(deadline - time.monotonic(), 0.001)


@contextmanager
def cut_at(deadline: float, connected: socket.socket) -> Generator[Callable[[], bool]]:
    """Shut a connection down at a time, though each single read of it is quick enough; gives whether that has happened."""
    handle = connected.dup()
    cut = threading.Event()

    def shut() -> None:
        cut.set()
        try:
            handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    timer = threading.Timer(max(deadline - time.monotonic(), 0), shut)
    timer.daemon = True
    timer.start()
    try:
        yield cut.is_set
    finally:
        timer.cancel()
        handle.close()
