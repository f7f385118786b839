"""Letters of the ``email`` provider."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.utils import formataddr, formatdate, getaddresses, make_msgid

from silvercup.errors import ToolFailed
from silvercup.tools.mail import Mail, MailSender
from silvercup.values import JsonObject

_TAGS = (
    "<html",
    "<body",
    "<div",
    "<p>",
    "<br",
    "<table",
    "<h1",
    "<h2",
    "<h3",
    "<h4",
    "<h5",
    "<h6",
    "<span",
    "<a href=",
)
"""A body that has one of these is HTML, as in v1."""
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_MOST = 50


def send(setup: JsonObject, arguments: JsonObject, mail: MailSender, seconds: float) -> None:
    """Send a letter.

    Raises:
        ToolFailed: An address or a header will not do, or the server does not take it.
    """
    (sender,) = _addresses("from", arguments["from"], most=1)
    recipients = _addresses("to", arguments["to"], most=_MOST)
    message = EmailMessage()
    message["Subject"] = _line("subject", arguments["subject"])
    message["From"] = formataddr(sender)
    message["To"] = ", ".join(formataddr(one) for one in recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender[1].rpartition("@")[2])
    body = str(arguments["body"]).encode("utf-8", "replace").decode()
    is_html = any(tag in body.lower() for tag in _TAGS)
    message.set_content(body, subtype="html" if is_html else "plain", charset="utf-8")
    addresses = tuple(address for _, address in recipients)
    host, user, password = (str(setup[key]) for key in ("host", "user", "password"))
    mail.send(Mail(host, int(setup["port"]), user, password, sender[1], addresses, message, seconds))


def _addresses(name: str, text: str, most: int) -> list[tuple[str, str]]:
    """Names and addresses of a header."""
    found = getaddresses([_line(name, text)])
    wrong = not found or any(not _ADDRESS.fullmatch(address) for _, address in found)
    if wrong:
        raise ToolFailed(
            f"{name} must be an address such as otter@example.com, or several with commas; it is {text[:80]!r}"
        )
    if len(found) > most:
        raise ToolFailed(f"{name} has {len(found)} addresses; there can be {most}")
    return found


def _line(name: str, text: str) -> str:
    if _CONTROL.search(text):
        raise ToolFailed(f"{name} has a line break or another control character: it is one line of the letter's head")
    return text.encode("utf-8", "replace").decode()
