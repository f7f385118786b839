"""Integrations run by the runner that a deployment has, against a server on loopback."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, cast

import pytest

from silvercup.container import Container
from silvercup.errors import ToolFailed
from silvercup.settings import Settings
from silvercup.tools.calls import ToolCall
from tests.support.tool_server import Seen, ToolServer


def runner_of(**settings: Any) -> Any:
    return Container(Settings(allow_loopback_tools=True, **settings)).tool_runner


def integrate(server: ToolServer, provider: str, given: dict[str, Any], /, **spec: Any) -> Any:
    tool = {"name": "use", "type": "integration", "integration": {"provider": provider, **spec}}
    runner = runner_of(tool_urls=json.dumps({provider: server.url}))
    return runner.run(ToolCall("t", tool, given, 30))


def failed(server: ToolServer, provider: str, given: dict[str, Any], /, **spec: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        integrate(server, provider, given, **spec)
    return caught.value


def form_of(seen: Seen) -> list[tuple[str, str | None, bytes]]:
    """The parts of a form with files, as the standard library's parser reads them: name, file name, content."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    whole = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + seen.body)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    assert not whole.defects
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            cast("bytes", part.get_payload(decode=True)),
        )
        for part in parts
    ]
