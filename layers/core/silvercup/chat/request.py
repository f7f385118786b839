"""What one chat asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from silvercup.errors import InvalidRequest, Problem
from silvercup.llm.tokens import estimate
from silvercup.values import JsonObject

type Entry = JsonObject
"""One message as it is kept: ``{role, content, source, tokens, name?, tool_calls?, tool_call_id?, finish_reason?, interrupted?}``;
``source`` is v1's: api_request, api_response, tool_request, tool_response, summarizer."""

SENT = ("role", "content", "tool_calls", "tool_call_id")
"""The keys of a message that a model is sent, as in v1 (``name`` is kept, not sent)."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat; the defaults are v1's.

    Attributes:
        messages: What is new: ``{role, content, name?, tool_calls?, tool_call_id?}``, one or more.
        agent: Which of the session's agents speaks; None: the first.
        settings: The settings of the model that were given, ``model`` among them.
        tools: Tools for this call only; one whose name an agent's tool has does not count.
        tool_choice: As in ``ModelRequest``.
        metadata: What templates see as ``metadata``.
        recall: Whether docs are looked for.
        save: Whether the turn is kept.
        recall_tools: Whether the calls of tools in the history are sent, and their results.
        auto_run_tools: Whether tools that run here do; None: as the session says.
        api_key: The caller's own key of the model's provider.
        id: The id of the answer, and of the turn.
        once: What tells this request from others; empty: nothing.
        again: Whether the client has sent it before.
        since: When it can have been sent first, microseconds since the epoch.
        system: The system message, as it is, in the place of the one that a template makes.
        by_model: Whether a model may have written it: tools that it brings along are given no secrets.
    """

    messages: Sequence[JsonObject]
    id: str
    agent: str | None = None
    settings: JsonObject = field(default_factory=dict[str, Any])
    tools: Sequence[JsonObject] = ()
    tool_choice: str | JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict[str, Any])
    recall: bool = True
    save: bool = True
    recall_tools: bool = True
    auto_run_tools: bool | None = None
    api_key: str | None = field(default=None, repr=False)
    once: str = ""
    again: bool = False
    since: int = 0
    system: str | None = None
    by_model: bool = False

    @property
    def own_tools(self) -> dict[str, JsonObject]:
        """The tools that it brings along, by name."""
        return {str(tool.get("name") or tool.get("function", {}).get("name")): tool for tool in self.tools}


def entry_of(message: JsonObject, source: str, **more: Any) -> Entry:
    """A message as it is kept."""
    kept = {name: value for name, value in message.items() if value is not None and (name != "tool_calls" or value)}
    return {"content": None, **kept, **more, "source": source, "tokens": tokens_of(message)}


def message_of(entry: Entry) -> JsonObject:
    """A kept message as a model is sent it; a text in a list of one is sent as a string, as in v1."""
    sent = {name: entry[name] for name in SENT if name in entry}
    match sent.get("content"):
        case [{"type": "text", "text": str(text)}]:
            sent["content"] = text.strip()
        case _:
            pass
    return sent


def tokens_of(message: JsonObject) -> int:
    """About how many tokens a message takes."""
    return estimate({name: message[name] for name in SENT if message.get(name) is not None}) + 4


def wrong(loc: str, message: str, hint: str | None = None) -> InvalidRequest:
    """The error for one thing that is wrong with a chat."""
    return InvalidRequest(f"{loc}: {message}" if loc else message, [Problem(loc, message, hint=hint)])
