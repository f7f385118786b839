"""Names to addresses, and connections to addresses: what ``http_calls`` reaches the network through."""

from __future__ import annotations

import socket
import threading
from typing import Protocol

_CONNECT_SECONDS = 10.0


class Network(Protocol):
    """The network."""

    def resolve(self, host: str, port: int, seconds: float, /) -> list[str]:
        """All addresses of a name, in the order in which to try them.

        Raises:
            OSError: There are none (``socket.gaierror``), or no answer came in time (``TimeoutError``).
        """
        ...

    def connect(self, address: str, port: int, seconds: float, /) -> socket.socket:
        """A connection to an address; nothing is looked up.

        Raises:
            OSError: There is none to be had.
        """
        ...


class SystemNetwork:
    """The machine's own."""

    def resolve(self, host: str, port: int, seconds: float, /) -> list[str]:
        """As ``Network``; in a thread of its own, for ``getaddrinfo`` knows no time-out."""
        found: list[str] = []
        failed: list[BaseException] = []

        def look_up() -> None:
            try:
                infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
            except BaseException as error:  # noqa: BLE001  raised again by the caller's thread
                failed.append(error)

        thread = threading.Thread(target=look_up, daemon=True, name="resolve")
        thread.start()
        thread.join(seconds)
        if failed:
            raise failed[0]
        if thread.is_alive():
            raise TimeoutError
        return found

    def connect(self, address: str, port: int, seconds: float, /) -> socket.socket:
        """As ``Network``."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(min(seconds, _CONNECT_SECONDS))
            made.connect((address, port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made
