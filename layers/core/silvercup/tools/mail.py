"""The port to mail: what a tool sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from email.message import EmailMessage

PORTS = (25, 465, 587, 2525)
"""The ports at which servers take mail; at 465 all is spoken in TLS, at the others STARTTLS is asked for."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One letter, and the server that takes it.

    Attributes:
        host: The server, a name or an IP address.
        port: One of ``PORTS``.
        user: As whom.
        password: The user's.
        sender: The address it is from.
        recipients: The addresses it goes to.
        message: Headers and body.
        seconds: How long it may take.
    """

    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage = field(repr=False)
    seconds: float


class MailSender(Protocol):
    """Sends mail, through servers at public addresses only, and never in the clear."""

    def send(self, mail: Mail, /) -> None:
        """Hand a letter to a server.

        Raises:
            ToolFailed: The server is refused, or does not take it (``transient`` where it may later, and has certainly not now).
        """
        ...
