"""What a model is sent: the system message, the summary of what is long past, the history, what is new; and the tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from silvercup.chat.calls import paired
from silvercup.chat.default_system import default_system
from silvercup.chat.reading import Conversation
from silvercup.chat.request import ChatRequest, message_of, tokens_of, wrong
from silvercup.chat.summaries import HEADING
from silvercup.chat.templates import Budget, render, render_message
from silvercup.chat.turns import Turn
from silvercup.errors import ToolFailed
from silvercup.llm.tokens import estimate
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE
from silvercup.tool_types import choice_problem
from silvercup.tools.functions import function_of
from silvercup.tools.overrides import overridden
from silvercup.values import JsonObject

_TOOL_TRAFFIC = frozenset({"tool_request", "tool_response"})


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of a prompt.

    Attributes:
        system: The system message; None where its template renders to nothing.
        new: What is new, rendered.
        tools: Tools by the name that a model knows them by, in the order in which they are sent.
        functions: The same as a model is sent them.
        recall_tools: Whether the traffic of tools in the history is sent.
    """

    system: JsonObject | None
    new: list[JsonObject]
    tools: Mapping[str, JsonObject]
    functions: list[JsonObject]
    recall_tools: bool

    @property
    def tokens(self) -> int:
        """About how many tokens all but the history takes."""
        system = tokens_of(self.system) if self.system else 0
        return system + sum(map(tokens_of, self.new)) + estimate(self.functions)

    def messages(self, summary: str | None, turns: Sequence[Turn], more: Sequence[JsonObject] = ()) -> list[JsonObject]:
        """All messages.

        Args:
            summary: What stands for the turns before.
            turns: The history that is sent.
            more: What was said since, in this turn.
        """
        head = [self.system] if self.system else []
        if summary:
            head.append({"role": "system", "content": HEADING + summary})
        past = [message_of(entry) for entry in self.past(turns)]
        new = [message_of(message) for message in self.new]
        return [*head, *paired([*past, *new, *more])]

    def past(self, turns: Iterable[Turn]) -> list[JsonObject]:
        """The entries of the history that are sent."""
        entries = (entry for turn in turns for entry in turn.said)
        return [
            entry
            for entry in entries
            if (self.recall_tools or entry["source"] not in _TOOL_TRAFFIC)
            and (entry["role"] != "assistant" or entry.get("content") or entry.get("tool_calls"))
        ]


def prompt_of(
    conversation: Conversation, request: ChatRequest, settings: JsonObject, docs: Sequence[JsonObject]
) -> Prompt:
    """Put a prompt together.

    Args:
        conversation: What was read.
        request: What is asked.
        settings: The settings of the model, merged.
        docs: What was recalled.

    Raises:
        InvalidRequest: A template, or what metadata says of a tool, is not valid; says where.
    """
    tools = tools_of(conversation, request)
    context = context_of(conversation, request, settings, docs, tools)
    session = conversation.session
    own = session.get("system_template")
    template = own or conversation.agent.get("default_system_template") or DEFAULT_SYSTEM_TEMPLATE
    where = "session.system_template" if own else "agent.default_system_template"
    budget = Budget()
    text = request.system
    if text is None and template == DEFAULT_SYSTEM_TEMPLATE:
        text = default_system(context)
    if text is None:
        text = render(template, context, where=where, budget=budget)
    new = [dict(message) for message in request.messages]
    if session["render_templates"]:
        new = [render_message(one, context, where=f"messages[{index}]", budget=budget) for index, one in enumerate(new)]
    return Prompt(
        system={"role": "system", "content": text} if text.strip() else None,
        new=new,
        tools=tools,
        functions=[_function(tool) for tool in tools.values()],
        recall_tools=request.recall_tools,
    )


def tools_of(conversation: Conversation, request: ChatRequest) -> dict[str, JsonObject]:
    """The tools of a chat by name: the speaking agent's, and those of the request whose names are not taken; each as metadata has it."""
    agents = (("agent", conversation.agent.get("metadata")),)
    session = conversation.session.get("metadata")
    return {name: overridden(tool, agents, session) for name, tool in _known(conversation, request).items()}


def _known(conversation: Conversation, request: ChatRequest) -> dict[str, JsonObject]:
    """The tools of a chat by name, as they are stored or were sent."""
    return {**request.own_tools, **conversation.tools}


def check_choice(conversation: Conversation, request: ChatRequest) -> None:
    """Refuse a choice that no tool can follow.

    Raises:
        InvalidRequest: Says which tools there are.
    """
    if problem := choice_problem(request.tool_choice, _known(conversation, request), "this chat"):
        raise wrong("tool_choice", problem)


def _function(tool: JsonObject) -> JsonObject:
    try:
        return function_of(tool)
    except ToolFailed as error:
        raise wrong(f"tools.{tool.get('name')}", error.message) from None


def context_of(
    conversation: Conversation,
    request: ChatRequest,
    settings: JsonObject,
    docs: Sequence[JsonObject],
    tools: Mapping[str, JsonObject],
) -> dict[str, Any]:
    """What templates see."""
    users = conversation.users
    context: dict[str, Any] = {
        "session": conversation.session,
        "agents": conversation.agents,
        "agent": conversation.agent,
        "current_agent": conversation.agent,
        "user": users[0] if users else None,
        "users": users,
        "settings": settings,
        "tools": list(tools.values()),
        "docs": [
            {"title": doc["title"], "content": [doc["snippet"]["content"]], "metadata": doc["metadata"] or None}
            for doc in docs
        ],
    }
    return {**context, "metadata": request.metadata} if request.metadata else context
