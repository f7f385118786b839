"""A turn that is ready for the model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from silvercup.chat import overflow
from silvercup.chat.assembly import Prompt
from silvercup.chat.overflow import Room
from silvercup.chat.reading import Conversation
from silvercup.chat.request import ChatRequest
from silvercup.chat.rounds import Spent
from silvercup.chat.turns import Turn
from silvercup.values import JsonObject


@dataclass(slots=True)
class Prepared:
    """A turn, ready for the model.

    Attributes:
        conversation: What was read.
        request: What is asked.
        settings: The settings of the model, merged; ``model`` is not among them.
        model: The model's name, as the user gave it; empty for the default.
        room: How many tokens there are.
        docs: What was recalled.
        prompt: What is sent, but for the history.
        turns: The history that is sent.
        auto: Whether tools that run here do.
        spent: What calls of the model have used so far.
        deadline: When the turn has to be over, by ``time.monotonic``.
        api_key: The caller's or the developer's own key of the model's provider; None: the server's is used.
    """

    conversation: Conversation
    request: ChatRequest
    settings: JsonObject
    model: str
    room: Room
    docs: list[JsonObject]
    prompt: Prompt
    turns: list[Turn]
    auto: bool
    deadline: float
    api_key: str | None = field(default=None, repr=False)
    spent: Spent = field(default_factory=Spent)

    def messages(self, more: Sequence[JsonObject] = ()) -> list[JsonObject]:
        """What the model is sent."""
        return self.prompt.messages(self.conversation.summary, self.turns, more)

    @property
    def estimated(self) -> int:
        """About how many tokens of our own counting the first prompt has."""
        history = overflow.history_tokens(self.prompt, self.turns)
        return self.prompt.tokens + history + self.conversation.window.summary_tokens

    @property
    def seconds(self) -> float:
        """How much time is left."""
        return max(1.0, self.deadline - time.monotonic())


def settings_of(agent: JsonObject, request: ChatRequest) -> JsonObject:
    """The settings of a turn: the agent's model, its default settings, the request's, the later over the earlier."""
    given: JsonObject = {"model": agent["model"]} if agent.get("model") else {}
    for some in (agent.get("default_settings") or {}, request.settings):
        given |= {name: value for name, value in some.items() if value is not None}
    return given
