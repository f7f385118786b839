"""A mail server on loopback, over real SMTP and TLS: it answers as it is told and records what it was sent.

with SmtpServer(context) as server:
    ...  # server.port, server.letters
"""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self, cast


@dataclass(frozen=True, slots=True)
class Letter:
    """What was taken."""

    user: str
    password: str
    sender: str
    recipients: list[str]
    message: EmailMessage


@dataclass(slots=True)
class _Talk:
    in_tls: bool
    user: str = ""
    password: str = ""
    sender: str = ""
    recipients: list[str] = field(default_factory=list[str])


class SmtpServer:
    """The server.

    Args:
        context: Its certificate.
        implicit: Whether all is in TLS from the beginning.
        offers: What it says that it can, besides STARTTLS once.
        starttls: Whether it offers STARTTLS.
        answers: Other answers than the usual ones, by the beginning of a command; ``hello``, ``letter``: the greeting, the end of a
            letter. An empty one ends the connection.

    Attributes:
        letters: What it took.
        commands: All that it was told, without passwords and letters; a command in TLS begins with ``tls:``.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        implicit: bool = False,
        offers: tuple[str, ...] = ("AUTH PLAIN LOGIN", "8BITMIME"),
        starttls: bool = True,
        answers: dict[str, str] | None = None,
    ) -> None:
        self.letters: list[Letter] = []
        self.commands: list[str] = []
        self.context, self.implicit, self.offers, self.starttls = context, implicit, offers, starttls
        self.answers = answers or {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    owner: SmtpServer


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.owner = cast("_Server", self.server).owner
        self.talk = _Talk(self.owner.implicit)
        with suppress(OSError):
            if self.owner.implicit:
                self.secure()
            self.file: Any = self.request.makefile("rb")
            try:
                if self.say("hello", "220 mail.example ESMTP"):
                    while (line := self.file.readline()) and self.obey(line.decode().rstrip("\r\n")):
                        pass
            finally:
                self.file.close()
                self.request.close()

    def secure(self) -> None:
        self.request = self.owner.context.wrap_socket(self.request, server_side=True)
        self.talk.in_tls = True

    def say(self, command: str, usual: str) -> bool:
        found = [answer for key, answer in self.owner.answers.items() if command.upper().startswith(key.upper())]
        answer = found[0] if found else usual
        if answer:
            self.request.sendall(f"{answer}\r\n".encode())
        return bool(answer) and answer[0] in "23"

    def obey(self, line: str) -> bool:
        verb = line.partition(" ")[0].upper()
        shown = "AUTH" if verb == "AUTH" else line
        self.owner.commands.append(f"tls:{shown}" if self.talk.in_tls else shown)
        match verb:
            case "EHLO":
                starttls = ["STARTTLS"] if self.owner.starttls and not self.talk.in_tls else []
                says = ["mail.example", *starttls, *self.owner.offers]
                self.say(
                    line, "\r\n".join(f"250{'-' if n < len(says) - 1 else ' '}{one}" for n, one in enumerate(says))
                )
            case "STARTTLS":
                if self.say(line, "220 go on"):
                    self.file.close()
                    self.secure()
                    self.file = self.request.makefile("rb")
            case "AUTH":
                if self.say(line, "235 welcome"):
                    _, self.talk.user, self.talk.password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            case "MAIL":
                self.talk.sender = line.partition("<")[2].partition(">")[0]
                self.say(line, "250 fine")
            case "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                if self.say(line, "250 fine"):
                    self.talk.recipients.append(recipient)
            case "DATA":
                if self.say(line, "354 go on"):
                    return self.take()
            case "QUIT":
                self.say(line, "221 bye")
                return False
            case _:
                self.say(line, "250 fine")
        return True

    def take(self) -> bool:
        lines: list[bytes] = []
        while (line := self.file.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        if not self.say("letter", "250 taken"):
            return "letter" in self.owner.answers and bool(self.owner.answers["letter"])
        message = message_from_bytes(b"".join(lines), policy=default)
        talk = self.talk
        self.owner.letters.append(Letter(talk.user, talk.password, talk.sender, talk.recipients, message))
        return True
