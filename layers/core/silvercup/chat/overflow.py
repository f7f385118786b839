"""What is done when a conversation has more tokens than the model takes: refuse, drop the oldest turns, or summarize them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from silvercup.chat.assembly import Prompt
from silvercup.chat.request import tokens_of
from silvercup.chat.turns import Turn
from silvercup.errors import ContextOverflow
from silvercup.llm.limits import Limits
from silvercup.values import JsonObject

ANSWER_TOKENS = 4_096
"""Tokens that are left for an answer whose ``max_tokens`` was not given."""
SUMMARY_TOKENS = 1_500
"""Tokens that a summary has at most."""
_SUMMARY_PART = 0.25
"""The part of the room that it has at most, where the room is small."""
KEPT = 0.5
"""The part of the room that the history takes after it was summarized, so that this is not done again with the next turn."""

type Mode = Literal["truncate", "adaptive"] | None


@dataclass(frozen=True, slots=True)
class Room:
    """How many tokens there are for a prompt.

    Attributes:
        most: Tokens of a whole prompt.
        why: What sets that limit, for messages.
        mode: What is done when it is not enough.
        reads: Tokens that the model reads at most, whatever the session's budget: turns are summarized in as few steps as it can read them in.
        ratio: What a provider counts for a token of our estimate.
    """

    most: int
    why: str
    mode: Mode
    reads: int
    ratio: float = 1.0

    def history(self, prompt: Prompt) -> int:
        """How many estimated tokens of history fit beside the rest of a prompt; below 0 when the rest does not fit."""
        return int(self.most / self.ratio) - prompt.tokens

    @property
    def summary(self) -> int:
        """How many estimated tokens a summary may have."""
        return min(SUMMARY_TOKENS, int(self.most / self.ratio * _SUMMARY_PART))

    def refuse(self, prompt: Prompt, history: int) -> ContextOverflow:
        """The error for a prompt that does not fit."""
        tokens = int((prompt.tokens + history) * self.ratio)
        if history <= 0 or self.history(prompt) < 0:
            advice = "Send less at once"
        elif self.mode is None:
            advice = "Set the session's context_overflow to truncate (the oldest turns are left out) or adaptive (they are summarized)"
        else:
            advice = "What has to be sent, the last messages, is too much already: send less at once"
        return ContextOverflow(f"The prompt has about {tokens:,} tokens; {self.why}. {advice}")


def room_of(
    model: str, limits: Limits, *, max_tokens: int | None, budget: int | None, mode: Mode, ratio: float
) -> Room:
    """The room for a prompt.

    Args:
        model: The model's name, for messages.
        limits: What it takes.
        max_tokens: How many tokens the answer may have.
        budget: The session's ``token_budget``.
        mode: The session's ``context_overflow``.
        ratio: See ``Room``.
    """
    answer = min(max_tokens or ANSWER_TOKENS, limits.output, limits.context // 2)
    most = limits.context - answer
    why = f"{model} takes {limits.context:,}, of which {answer:,} are left for the answer"
    if budget is not None and budget < most:
        return Room(budget, f"the session's token_budget is {budget:,}", mode, limits.context, ratio)
    return Room(most, why, mode, limits.context, ratio)


def fitting(turns: Sequence[Turn], prompt: Prompt, tokens: int) -> list[Turn]:
    """The newest turns that have at most so many tokens, whole; none begins with the result of a call that is left out.

    Where what is new begins with a result, the last turn, which has its call, is kept in any case.
    """
    kept = len(turns)
    left = tokens
    while kept:
        cost = history_tokens(prompt, turns[kept - 1 : kept])
        if cost > left:
            break
        left -= cost
        kept -= 1
    while kept < len(turns) and _begins_with_result(turns[kept].said):
        kept += 1
    if prompt.new and _begins_with_result(prompt.new):
        kept = min(kept, call_turn(turns))
    return [*turns[kept:]]


def history_tokens(prompt: Prompt, turns: Sequence[Turn]) -> int:
    """Tokens of the entries that are sent of some turns."""
    if prompt.recall_tools:
        return sum(turn.tokens for turn in turns)
    return sum(map(tokens_of, prompt.past(turns)))


def call_turn(turns: Sequence[Turn]) -> int:
    """The place of the turn that made the calls which results may still answer: the last that does not begin with a result."""
    place = len(turns) - 1
    while place > 0 and _begins_with_result(turns[place].said):
        place -= 1
    return max(place, 0)


def to_fold(turns: Sequence[Turn], prompt: Prompt, tokens: int) -> int:
    """How many of the oldest turns a summary should take in, so that the rest takes at most ``KEPT`` of the room."""
    return len(turns) - len(fitting(turns, prompt, int(tokens * KEPT)))


def _begins_with_result(entries: Sequence[JsonObject]) -> bool:
    return bool(entries) and entries[0]["role"] == "tool"
