"""Fitting a prompt into what the model reads: the history is cut, or what is too old of it summarized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from silvercup.chat import overflow, summaries
from silvercup.chat.prepared import Prepared
from silvercup.chat.reading import Reader
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Turn
from silvercup.errors import ContextOverflow, ModelUnavailable
from silvercup.llm.service import Models
from silvercup.storage import Tables

_COUNTED_FROM = 0.8
"""From this part of the room on the provider is asked to count, where it can."""
_HARDER = 1.3
"""What a provider counts more than was thought, at least, when it refuses a prompt for its length."""
_FAR = 2
"""A prompt that is estimated at so many times its room is refused without being counted."""
_ASKING_TOKENS = 200
"""What is sent beside the turns, and the summary before, to have them summarized."""
_TOKENS_OF_WORD = 3


class Fitter:
    """Fits prompts.

    Args:
        tables: Where summaries go.
        turns: The turns of sessions.
        reader: Reads more of them.
        models: What counts and summarizes.
    """

    def __init__(self, tables: Tables, turns: TurnStore, reader: Reader, models: Models) -> None:
        self._tables = tables
        self._turns = turns
        self._reader = reader
        self._models = models

    def fit(self, prepared: Prepared) -> None:
        """Fit a prompt by our estimate; near the limit the provider is asked to count, where it can, and its word holds.

        A conversation whose oldest turns may go is near its limit in every turn. What the provider counted in the last one is enough
        there: a prompt that it refuses all the same is made shorter.

        Raises:
            ContextOverflow: It does not fit, and nothing may be left out.
            ModelRejected, ModelUnavailable: A summary was needed and could not be made.
        """
        try:
            self._fit(prepared)
        except ContextOverflow:
            if prepared.room.mode is not None or not self._recounted(prepared):
                raise
            self._fit(prepared)
        if prepared.room.mode is not None and prepared.conversation.window.ratio != 1.0:
            return
        if prepared.estimated * prepared.room.ratio < _COUNTED_FROM * prepared.room.most:
            return
        if self._recounted(prepared) and prepared.estimated * prepared.room.ratio > prepared.room.most:
            self._fit(prepared)

    def tighten(self, prepared: Prepared) -> bool:
        """Make a prompt shorter that a provider has refused for its length; False when the session wants no such thing."""
        if prepared.room.mode is None:
            return False
        prepared.room = replace(prepared.room, ratio=prepared.room.ratio * _HARDER)
        before = len(prepared.turns)
        self._fit(prepared)
        return len(prepared.turns) < before

    def _fit(self, prepared: Prepared) -> None:
        """Choose the history that is sent; summarize what is too old where the session wants it.

        Raises:
            ContextOverflow: It does not fit, and nothing may be left out.
        """
        talk, prompt, room = prepared.conversation, prepared.prompt, prepared.room
        window = talk.window
        left = room.history(prompt) - window.summary_tokens
        if room.history(prompt) < 0:
            raise room.refuse(prompt, 0)
        wanted = max(window.back(max(left, 0)), window.start)
        if room.mode is None:
            if window.tokens > left and prompt.recall_tools and not window.edits:
                raise room.refuse(prompt, window.tokens)
            wanted = window.start
        self._read_more(prepared, window.start if room.mode == "adaptive" else wanted)
        tokens = overflow.history_tokens(prompt, prepared.turns)
        if 0 < tokens < left and (window.edits or not prompt.recall_tools):
            self._read_more(prepared, max(window.back(left * left // tokens), window.start))
        if room.mode is None and tokens > left:
            raise room.refuse(prompt, tokens)
        if room.mode == "adaptive" and tokens > left:
            self._fold(prepared)
            left = room.history(prompt) - prepared.conversation.window.summary_tokens
        kept = overflow.fitting(prepared.turns, prompt, left)
        if overflow.history_tokens(prompt, kept) > max(left, 0) or left < 0:
            raise room.refuse(prompt, overflow.history_tokens(prompt, kept))
        prepared.turns = kept

    def _read_more(self, prepared: Prepared, start: int) -> None:
        turns = prepared.turns
        talk = prepared.conversation
        first = turns[0].number if turns else talk.window.turns
        if start >= first:
            return
        known = [turn for turn in talk.turns if start <= turn.number < first]
        if len(known) < first - start:
            known = [turn for turn in self._reader.earlier(replace(talk, turns=turns), start) if turn.number < first]
        prepared.turns = [*known, *turns]

    def _fold(self, prepared: Prepared) -> None:
        """Put the oldest turns into a summary, in as many steps as the model needs to read them all."""
        talk = prepared.conversation
        room = prepared.room
        most = int(room.reads / room.ratio) - 2 * room.summary - _ASKING_TOKENS
        count = overflow.to_fold(prepared.turns, prepared.prompt, max(room.history(prepared.prompt) - room.summary, 0))
        text, window, seen = talk.summary, talk.window, talk.seen
        folded, rest = prepared.turns[:count], prepared.turns[count:]
        while folded:
            some = _first_of(folded, most)
            try:
                text = self._summary(prepared, text, some)
            except ContextOverflow:
                if len(some) == 1:
                    raise
                most = sum(turn.tokens for turn in some) // 2
                continue
            made = summaries.keep(self._tables, talk.place, window, text, upto=some[-1], model=prepared.model)
            window, folded = made.window, folded[len(some) :]
        if text is not None and window is not talk.window:
            self._turns.note(talk.place, window, seen, {"summary": text})
            item = {**talk.item, "window": window.encode(), "summary": text}
            prepared.conversation = replace(talk, item=item, window=window, summary=text)
            prepared.turns = rest

    def _summary(self, prepared: Prepared, earlier: str | None, turns: Sequence[Turn]) -> str:
        most = prepared.room.summary
        completion = self._models.complete(
            summaries.prompt(earlier, turns, words=most // _TOKENS_OF_WORD),
            model=prepared.model,
            settings={"max_tokens": most},
            api_key=prepared.api_key,
            seconds=prepared.seconds,
        )
        prepared.spent.add(completion)
        text = str(completion["choices"][0]["message"]["content"] or "").strip()
        if not text:
            raise ModelUnavailable("The model gave no summary of the conversation, which is too long without one")
        return summaries.cut(text, most)

    def _recounted(self, prepared: Prepared) -> bool:
        """Have the provider count the prompt with what was read of the history; False where it does not."""
        estimated = prepared.estimated
        if not estimated or estimated * prepared.room.ratio > _FAR * prepared.room.most:
            return False
        counted = self._models.count(
            prepared.messages(),
            model=prepared.model,
            settings=prepared.settings,
            tools=prepared.prompt.functions,
            api_key=prepared.api_key,
        )
        if counted is None:
            return False
        prepared.room = replace(prepared.room, ratio=counted / estimated)
        return True


def _first_of(turns: Sequence[Turn], tokens: int) -> list[Turn]:
    """As many of the first turns as have at most so many tokens; at least one."""
    taken: list[Turn] = []
    left = tokens
    for turn in turns:
        left -= turn.tokens
        if taken and left < 0:
            break
        taken.append(turn)
    return taken
