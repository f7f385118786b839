"""The ``email`` provider over real SMTP."""

from __future__ import annotations

import socketserver
import ssl
import threading
from contextlib import suppress
from typing import Any

import pytest

from silvercup.adapters.smtp import SmtpMail
from silvercup.container import Container
from silvercup.errors import ToolFailed
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from silvercup.tools.runner import ToolRunner
from tests.support.certificates import Certificate, made_for
from tests.support.smtp_server import SmtpServer
from tests.support.tool_server import Names

PUBLIC = "93.184.216.34"
SETUP = {"host": "mail.example", "port": 587, "user": "otter", "password": "p4ssw0rd"}
LETTER = {"to": "one@a.example", "from": "me@b.example", "subject": "Hi", "body": "Hello,\n.\nbye"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made_for("mail.example", tmp_path_factory.mktemp("mail"))


def nothing(*_: object) -> Any:
    raise AssertionError("asked for what is not needed")


def runner_of(port: int, context: ssl.SSLContext | None, **names: list[list[str]]) -> ToolRunner:
    """A runner in whose network every address is the server at the port; ``mail.example`` is a public address."""
    network = Names(port, **{"mail_example": [[PUBLIC]], **names})
    return ToolRunner(nothing, lambda: None, {}, nothing, nothing, lambda: SmtpMail(network=network, context=context))  # type: ignore[arg-type]


def call_of(seconds: float = 30, setup: dict[str, Any] | None = None, **given: Any) -> ToolCall:
    integration = {"provider": "email", "method": "send", "setup": SETUP if setup is None else setup}
    tool = {"name": "mail", "type": "integration", "integration": integration}
    return ToolCall("t", tool, {**LETTER, **given}, seconds)


def send(server: SmtpServer, certificate: Certificate, call: ToolCall) -> Any:
    return runner_of(server.port, certificate.client_context()).run(call)


def failed(server: SmtpServer, certificate: Certificate, call: ToolCall) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        send(server, certificate, call)
    assert "p4ssw0rd" not in caught.value.message
    return caught.value


def test_a_letter_is_sent_in_tls_only(certificate: Certificate):
    with SmtpServer(certificate.server_context()) as server:
        assert send(server, certificate, call_of()) == {"success": True}
        (letter,) = server.letters
        assert (letter.user, letter.password, letter.sender) == ("otter", "p4ssw0rd", "me@b.example")
        assert letter.recipients == ["one@a.example"]
        assert [letter.message[name] for name in ("Subject", "From", "To")] == ["Hi", "me@b.example", "one@a.example"]
        assert letter.message["Message-ID"].endswith("@b.example>")
        assert letter.message["Date"]
        assert letter.message.get_content_type() == "text/plain"
        assert letter.message.get_content().replace("\r\n", "\n") == "Hello,\n.\nbye\n"
        assert server.commands[:2] == ["ehlo [127.0.0.1]", "STARTTLS"]
        assert all(command.startswith("tls:") for command in server.commands[2:])


def test_port_465_is_tls_from_the_beginning(certificate: Certificate):
    with SmtpServer(certificate.server_context(), implicit=True) as server:
        assert send(server, certificate, call_of(setup={**SETUP, "port": "465"})) == {"success": True}
        assert len(server.letters) == 1
        assert all(command.startswith("tls:") for command in server.commands)


@pytest.mark.parametrize("body", ["<p>Hi</p>", "see <A HREF='https://a.example'>this</a>", "a<BR/>b", "<h3 x>a</h3>"])
def test_a_body_with_tags_is_html(certificate: Certificate, body: str):
    with SmtpServer(certificate.server_context()) as server:
        send(server, certificate, call_of(body=body))
        message = server.letters[0].message
        assert (message.get_content_type(), message.get_content_charset()) == ("text/html", "utf-8")
        assert message.get_content().strip() == body


def test_names_other_letters_and_several_addresses(certificate: Certificate):
    with SmtpServer(certificate.server_context()) as server:
        given: dict[str, Any] = {
            "to": '"Öttinger, O" <one@a.example>, two@a.example',
            "from": "Ich <me@b.example>",
            "subject": "Grüße 🦦 " * 20 + "!",
            "body": "Grüße 🦦 a < b",
        }
        send(server, certificate, call_of(**given))
        (letter,) = server.letters
        assert letter.recipients == ["one@a.example", "two@a.example"]
        assert [one.display_name for one in letter.message["To"].addresses] == ["Öttinger, O", ""]
        assert letter.message["Subject"] == given["subject"]
        assert (letter.message.get_content_type(), letter.message.get_content().strip()) == (
            "text/plain",
            given["body"],
        )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"subject": "Hi\r\nBcc: all@a.example"}, "subject has a line break"),
        ({"subject": "Hi\u2028Bcc: all@a.example"}, "subject has a line break"),
        ({"to": "one@a.example\nBcc: all@a.example"}, "to has a line break"),
        ({"from": "me@b.example\rX: y"}, "from has a line break"),
        ({"to": "nobody"}, "to must be an address"),
        ({"to": "a@b.example, , x"}, "to must be an address"),
        ({"from": "a@b.example, c@d.example"}, "from has 2 addresses; there can be 1"),
        ({"to": ",".join(f"a{n}@b.example" for n in range(51))}, "to has 51 addresses; there can be 50"),
        ({"cc": "a@b.example"}, "cc"),
        ({"body": None}, "body"),
    ],
)
def test_a_letter_that_will_not_do(certificate: Certificate, given: dict[str, Any], why: str):
    with SmtpServer(certificate.server_context()) as server:
        assert why in failed(server, certificate, call_of(**given)).message
        assert not server.commands


@pytest.mark.parametrize(
    ("setup", "why"),
    [
        ({"port": 22}, "port in the setup of the integration email must be 25, 465, 587 or 2525"),
        ({"port": True}, "port in the setup of the integration email must be an integer or a string"),
        ({"password": ""}, "lacks password"),
        ({"host": "10.0.0.1"}, "a private address; tools reach public addresses only"),
        ({"host": "169.254.169.254"}, "a link-local address"),
        ({"host": "127.0.0.1"}, "a loopback address"),
        ({"host": "::1"}, "a loopback address"),
        ({"host": "[fd00::1]"}, "a private address"),
        ({"host": "0x7f.1"}, "unusual notation"),
        ({"host": "inner.example"}, "inner.example is a private address"),
        ({"host": "mail.example:25/x"}, "is no mail server's name"),
        ({"host": "smtp://mail.example"}, "is no mail server's name"),
        ({"host": "a@mail.example"}, "is no mail server's name"),
    ],
)
def test_a_server_that_may_not_be_reached(certificate: Certificate, setup: dict[str, Any], why: str):
    with SmtpServer(certificate.server_context()) as server:
        runner = runner_of(server.port, certificate.client_context(), inner_example=[[PUBLIC, "192.168.0.1"]])
        with pytest.raises(ToolFailed) as caught:
            runner.run(call_of(setup={**SETUP, **setup}))
        assert why in caught.value.message
        assert not server.commands


def test_a_deployment_sends_to_no_loopback():
    with pytest.raises(ToolFailed, match="is a loopback address"):
        Container(Settings()).tool_runner.run(call_of(setup={**SETUP, "host": "127.0.0.1"}))


def test_without_tls_nothing_is_told(certificate: Certificate):
    with SmtpServer(certificate.server_context(), starttls=False) as server:
        assert "STARTTLS" in failed(server, certificate, call_of()).message
        assert not [command for command in server.commands if "ehlo" not in command.lower()]


def test_a_certificate_that_is_not_trusted(certificate: Certificate):
    with SmtpServer(certificate.server_context()) as server:
        with pytest.raises(ToolFailed, match="has no valid certificate"):
            runner_of(server.port, None).run(call_of())
        assert server.commands == ["ehlo [127.0.0.1]", "STARTTLS"]


@pytest.mark.parametrize(
    ("answers", "transient", "why"),
    [
        ({"AUTH": "535 no p4ssw0rd"}, False, "does not let this user in (535)"),
        ({"AUTH": "454 later"}, True, "does not let this user in (454)"),
        ({"MAIL": "550 not you"}, False, "does not take the mail: 550 not you"),
        ({"RCPT": "550 unknown"}, False, "refuses one@a.example: 550 unknown"),
        ({"RCPT": "450 later"}, True, "refuses one@a.example: 450 later"),
        ({"letter": "554 spam"}, False, "does not take the mail: 554 spam"),
        ({"letter": ""}, False, "which may have been sent or not"),
        ({"hello": "421 busy"}, True, "421 busy"),
        ({"hello": ""}, True, "does not speak SMTP"),
        ({"RCPT TO:<two": "550 unknown"}, False, "The mail was sent, but the mail server"),
    ],
)
def test_what_a_server_refuses_is_told(certificate: Certificate, answers: dict[str, str], transient: bool, why: str):
    with SmtpServer(certificate.server_context(), answers=answers) as server:
        to = "one@a.example, two@a.example" if "two" in str(answers) else "one@a.example"
        error = failed(server, certificate, call_of(to=to))
        assert error.message.startswith("Error in executing email.send: ")
        assert why in error.message
        assert error.transient == transient
        assert len(server.letters) == (1 if "two" in str(answers) else 0)


def test_a_farewell_that_goes_wrong_changes_nothing(certificate: Certificate):
    with SmtpServer(certificate.server_context(), answers={"QUIT": "500 what"}) as server:
        assert send(server, certificate, call_of()) == {"success": True}


def test_a_server_without_passwords(certificate: Certificate):
    with SmtpServer(certificate.server_context(), offers=("AUTH XOAUTH2",)) as server:
        error = failed(server, certificate, call_of())
        assert "lacks what is needed: No suitable authentication method" in error.message
        assert not error.transient


@pytest.mark.parametrize(("line", "seconds"), [(b"", 0.5), (b"220-more\r\n", 30)], ids=["silent", "endless"])
def test_a_server_that_does_not_come_to_an_end(line: bytes, seconds: float):
    gone = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while line:
                    self.request.sendall(line * 1_000)
                self.request.recv(1)
            gone.set()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(ToolFailed, match="did not answer in time, or does not speak SMTP") as caught:
            runner_of(server.server_address[1], None).run(call_of(seconds=seconds))
        assert caught.value.transient
        assert gone.wait(10)
        server.shutdown()
