"""One call of each tool that runs here, for interpreters of their own, and the servers on loopback that answer.

with EachTool() as each:
    ...  # run each.begin, then some of each.calls, in an interpreter with each.env
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tests.support.certificates import made_for
from tests.support.mcp_server import McpHost
from tests.support.smtp_server import SmtpServer
from tests.support.tool_server import Answer, Reply, Seen, ToolServer

OWNERS: dict[str, frozenset[str]] = {
    "anyio": frozenset({"mcp"}),
    "httpx2": frozenset({"mcp"}),
    "mcp": frozenset({"mcp"}),
    "pydantic": frozenset({"mcp"}),
    "silvercup.adapters.mcp_client": frozenset({"mcp"}),
    "silvercup.tools.integrations.mcp": frozenset({"mcp"}),
    "silvercup.adapters.smtp": frozenset({"email"}),
    "silvercup.tools.integrations.letters": frozenset({"email"}),
    "smtplib": frozenset({"email"}),
    "silvercup.tools.integrations.xml": frozenset({"arxiv"}),
    "silvercup.tools.integrations.browserbase": frozenset({"browserbase"}),
    "silvercup.tools.integrations.cloudinary": frozenset({"cloudinary"}),
    "silvercup.tools.integrations.files": frozenset({"llama_parse", "unstructured"}),
    "silvercup.tools.integrations.multipart": frozenset({"cloudinary", "llama_parse", "unstructured"}),
    "silvercup.resources.agents": frozenset({"system"}),
    "silvercup.tools.system.run": frozenset({"system"}),
}
"""Modules, and the tools that alone may import them."""

_ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><entry>
  <id>http://arxiv.org/abs/1706.03762v7</id><updated>2023-08-02T00:41:18Z</updated><published>2017-06-12T17:57:34Z</published>
  <title>Otters</title><summary>They swim.</summary><author><name>Ada</name></author>
  <arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="cs.CL"/>
</entry></feed>"""
_ANSWERS: dict[str, Any] = {
    "api_call": {"n": 1},
    "brave": {"web": {"results": [{"title": "Otters", "url": "https://otters.example", "description": "They swim."}]}},
    "browserbase": {"id": "one", "connectUrl": "wss://one.example", "status": "RUNNING"},
    "cloudinary": {"secure_url": "https://otters.example/a.png", "public_id": "a"},
    "llama_parse": {"id": "one", "status": "SUCCESS", "text": "Otters\n---\nThey swim."},
    "spider": [{"content": "# Otters", "status": 200, "url": "https://otters.example"}],
    "system": {"Items": [], "Count": 0, "ScannedCount": 0},
    "unstructured": [{"type": "Title", "text": "Otters"}],
    "weather": {
        "weather": [{"description": "clear sky"}],
        "main": {"temp": 11.5, "feels_like": 10.7, "temp_min": 10.1, "temp_max": 12.9, "humidity": 76},
        "wind": {"speed": 4.1},
        "clouds": {"all": 0},
    },
    "wikipedia": {
        "query": {
            "search": [{"pageid": 1}],
            "pages": {"1": {"title": "Otters", "extract": "They swim.", "fullurl": "https://otters.example"}},
        }
    },
}
"""What services answer, whichever of a tool's requests it is."""
_FILE = {"file": "T3R0ZXJz"}
_GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "arxiv": ({}, {"query": "otters"}),
    "brave": ({"setup": {"brave_api_key": "k"}}, {"query": "otters"}),
    "browserbase": ({"method": "create_session", "setup": {"api_key": "k", "project_id": "p"}}, {}),
    "cloudinary": (
        {
            "method": "media_upload",
            "setup": {"cloudinary_api_key": "k", "cloudinary_api_secret": "s", "cloudinary_cloud_name": "c"},
        },
        {"file": "https://otters.example/a.png"},
    ),
    "dummy": ({}, {"n": 1}),
    "llama_parse": ({"setup": {"llamaparse_api_key": "k"}}, {**_FILE, "filename": "a.pdf"}),
    "spider": ({"setup": {"spider_api_key": "k"}}, {"url": "https://otters.example"}),
    "unstructured": ({"setup": {"unstructured_api_key": "k"}}, {**_FILE, "filename": "a.pdf"}),
    "weather": ({"setup": {"openweathermap_api_key": "k"}}, {"location": "Oslo"}),
    "wikipedia": ({}, {"query": "otters"}),
}
"""What integrations that speak HTTP are defined and called with."""
_MAIL_PORT = 2525
_BEGIN = """
from silvercup import container
from silvercup.adapters.http_network import SystemNetwork
from silvercup.tools.calls import ToolCall
runner = container.current().tool_runner
connect = SystemNetwork.connect
SystemNetwork.connect = lambda self, address, port, seconds: connect(self, address, {ports}.get(port, port), seconds)
"""


class EachTool:
    """The calls; the servers run until the end of the context.

    Attributes:
        begin: Source text that makes the runner that a function has.
        calls: Source text of a call, by the tool's provider or type; it raises where the tool fails.
        env: What an interpreter's environment has to hold.
    """

    begin: str
    calls: dict[str, str]
    env: dict[str, str]

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            directory = Path(opened.enter_context(TemporaryDirectory()))
            certificate = made_for("localhost", directory)
            http = opened.enter_context(ToolServer(_answer))
            mcp = opened.enter_context(McpHost(json_response=True, stateless=True))
            mail = opened.enter_context(SmtpServer(certificate.server_context()))
            self.begin = _BEGIN.format(ports={_MAIL_PORT: mail.port})
            self.calls = {name: _call(one, given) for name, (one, given) in _tools(http.url, mcp.url).items()}
            self.env = {
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_ENDPOINT_URL": f"{http.url}/system",
                "AWS_SECRET_ACCESS_KEY": "none",
                "SILVERCUP_ALLOW_LOOPBACK_TOOLS": "1",
                "SILVERCUP_TOOL_URLS": json.dumps({name: f"{http.url}/{name}" for name in _GIVEN}),
                "SSL_CERT_FILE": str(certificate.path),
            }
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def strangers(name: str, modules: set[str]) -> list[str]:
    """Those of some modules that only other tools may import."""
    return sorted(module for module, owners in OWNERS.items() if module in modules and name not in owners)


def _tools(http: str, mcp: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Tools and what they are called with."""
    mail = {"host": "localhost", "port": _MAIL_PORT, "user": "otter", "password": "p"}
    letter = {"to": "one@a.example", "from": "me@b.example", "subject": "Hi", "body": "Hello"}
    integrations: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        **_GIVEN,
        "email": ({"setup": mail}, letter),
        "mcp": (
            {"method": "call_tool", "setup": {"http_url": mcp}},
            {"tool_name": "add", "arguments": {"a": 2, "b": 3}},
        ),
    }
    api_call = {"method": "POST", "url": f"{http}/api_call", "headers": {"X-Otter": "1"}}
    return {
        "api_call": ({"type": "api_call", "api_call": api_call}, {"json": {"n": 1}}),
        "system": ({"type": "system", "system": {"resource": "agent", "operation": "list"}}, {}),
        **{
            name: ({"type": "integration", "integration": {"provider": name, **spec}}, given)
            for name, (spec, given) in sorted(integrations.items())
        },
    }


def _call(tool: dict[str, Any], arguments: dict[str, Any]) -> str:
    return f"runner.run(ToolCall('t', { ({'name': 'use', **tool})!r}, {arguments!r}, 60))"


def _answer(seen: Seen) -> Answer:
    found = re.match(r"/(\w+)", seen.path)
    name = found[1] if found else ""
    return Reply(_ATOM.encode()) if name == "arxiv" else Reply.json(_ANSWERS[name])
