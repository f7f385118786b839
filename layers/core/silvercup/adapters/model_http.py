"""Breaking an HTTP connection that another thread reads from."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def cutter(response: Any) -> Callable[[], None]:
    """What breaks the connection of an ``httpx2`` response; a thread that reads from it sees its end at once.

    Closing the socket would not wake that thread, shutting it down does.
    """

    def cut() -> None:
        stream = response.extensions.get("network_stream")
        sock: Any = stream.get_extra_info("socket") if stream is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    return cut
