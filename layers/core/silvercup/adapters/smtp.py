"""Sends mail by SMTP: to public addresses only, and never in the clear."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from contextlib import suppress
from functools import cached_property
from ipaddress import AddressValueError, IPv6Address
from typing import Any, BinaryIO, cast

from silvercup.adapters.http_network import Network
from silvercup.adapters.reach import Reach, Unreachable, cut_at, left
from silvercup.errors import ToolFailed
from silvercup.tools.mail import Mail
from silvercup.tools.targets import Target, target_of

_TLS_PORT = 465
_MAX_ANSWERS = 200_000
"""Bytes that a server may say in all."""
_SHOWN = 200
_OURS = "[127.0.0.1]"
"""How we introduce ourselves: the machine's own name is nobody's business."""


class SmtpMail:
    """``MailSender`` over the real network.

    Args:
        allow_loopback: Let connections to loopback through as well, and nothing else.
        network: Looks names up and connects.
        context: For TLS; None: the usual one.
    """

    def __init__(
        self, *, allow_loopback: bool = False, network: Network | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._reach = Reach(allow_loopback=allow_loopback, network=network)
        self._given = context

    def send(self, mail: Mail, /) -> None:
        """As ``MailSender.send``."""
        target = _target(mail)
        shown = f"The mail server {target.host}:{mail.port}"
        deadline = time.monotonic() + mail.seconds
        try:
            connected = self._reach.connect(target.host, mail.port, shown, deadline, is_address=target.is_address)
        except Unreachable as error:
            raise ToolFailed(f"{error}; it may be there later", transient=True) from None
        try:
            with cut_at(deadline, connected):
                self._speak(mail, target.host, connected, shown, deadline)
        finally:
            connected.close()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._given or ssl.create_default_context()

    def _speak(self, mail: Mail, host: str, connected: socket.socket, shown: str, deadline: float) -> None:
        is_sending = False
        try:
            connected.settimeout(left(deadline))
            if mail.port == _TLS_PORT:
                connected = self._context.wrap_socket(connected, server_hostname=host)
            client = _Client(connected, host, mail.port, left(deadline))
            try:
                client.ehlo()
                if mail.port != _TLS_PORT:
                    client.starttls(context=self._context)
                    client.ehlo()
                client.login(mail.user, mail.password)
                is_sending = True
                refused = client.send_message(mail.message, mail.sender, mail.recipients)
                is_sending = False
                with suppress(smtplib.SMTPException, OSError):
                    client.quit()
            finally:
                client.close()
        except ssl.SSLCertVerificationError as error:
            raise ToolFailed(f"{shown} has no valid certificate: {error.verify_message}") from None
        except smtplib.SMTPAuthenticationError as error:
            later = 400 <= error.smtp_code < 500
            raise ToolFailed(f"{shown} does not let this user in ({error.smtp_code})", transient=later) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ToolFailed(f"{shown} lacks what is needed: {error}") from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(shown, error.recipients) from None
        except smtplib.SMTPResponseException as error:
            said = _said(error.smtp_code, error.smtp_error)
            raise ToolFailed(
                f"{shown} does not take the mail: {said}", transient=400 <= error.smtp_code < 500
            ) from None
        except UnicodeError:
            raise ToolFailed(f"{shown}: the user or the password has characters that can't be sent") from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if type(error) is smtplib.SMTPException:
                raise ToolFailed(f"{shown} lacks what is needed: {error}") from None
            if is_sending:
                raise ToolFailed(f"{shown} broke off while it took the mail, which may have been sent or not") from None
            why = f"did not answer in time, or does not speak SMTP ({type(error).__name__})"
            raise ToolFailed(f"{shown} {why}", transient=True) from None
        if refused:
            raise _refused(f"The mail was sent, but {shown[0].lower()}{shown[1:]}", refused)


class _Client(smtplib.SMTP):
    """Speaks over a connection that is already there; a server that talks without end is not listened to."""

    def __init__(self, connected: socket.socket, host: str, port: int, seconds: float) -> None:
        self._connected = connected
        super().__init__(host, port, local_hostname=_OURS, timeout=seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del host, port, timeout
        return self._connected

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib's, from a bounded stream."""
        if self.file is None and self.sock is not None:
            self.file = cast("Any", _Bounded(self.sock.makefile("rb")))
        return super().getreply()


class _Bounded:
    """Lines of a stream, so many bytes of them and no more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _MAX_ANSWERS

    def readline(self, size: int) -> bytes:
        line = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server says too much")
        return line

    def close(self) -> None:
        self._stream.close()


def _target(mail: Mail) -> Target:
    """The server, read as strictly as the host of a URL."""
    host = mail.host.strip()
    try:
        return target_of(f"https://[{IPv6Address(host.strip('[]'))}]:{mail.port}")
    except AddressValueError:
        if any(mark in host for mark in "/?#@\\:%[]"):
            raise ToolFailed(
                f"The host {host[:80]!r} is no mail server's name: write it without scheme, user, port and path"
            ) from None
    return target_of(f"https://{host}:{mail.port}")


def _refused(shown: str, refused: dict[str, tuple[int, bytes]]) -> ToolFailed:
    several = "; ".join(f"{address}: {_said(*answer)}" for address, answer in list(refused.items())[:5])
    later = all(400 <= code < 500 for code, _ in refused.values()) and not shown.startswith("The mail was sent")
    return ToolFailed(f"{shown} refuses {several}", transient=later)


def _said(code: int, text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(plain.split())[:_SHOWN]}"
