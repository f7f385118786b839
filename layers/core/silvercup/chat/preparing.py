"""Everything of a turn that comes before the model is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from silvercup.chat import overflow, summaries
from silvercup.chat.assembly import Prompt, prompt_of
from silvercup.chat.calls import check_results
from silvercup.chat.overflow import Room
from silvercup.chat.reading import Conversation, Reader
from silvercup.chat.recall import Recall
from silvercup.chat.request import ChatRequest
from silvercup.chat.rounds import Spent
from silvercup.chat.turns import Place, Turn, TurnStore
from silvercup.llm.service import Models
from silvercup.resources.secret_values import ProviderKeys
from silvercup.storage import Tables
from silvercup.values import JsonObject

SECONDS = 14 * 60.0
"""How long a turn may take: a function lives for 15 minutes."""
_COUNTED_FROM = 0.8
"""From this part of the room on the provider is asked to count, where it can."""
_HARDER = 1.3
"""What a provider counts more than was thought, at least, when it refuses a prompt for its length."""
_SUMMARY_WORDS = 400
_SUMMARY_TOKENS = 1_500


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


class Preparer:
    """Prepares turns.

    Args:
        tables: Where sessions are.
        turns: Their turns.
        models: What is asked.
        recall: Looks for docs.
        provider_keys: Developers' own keys of models' providers; None: there are none.
        seconds: How long a turn may take.
    """

    def __init__(
        self,
        tables: Tables,
        turns: TurnStore,
        models: Models,
        recall: Callable[[], Recall],
        *,
        provider_keys: ProviderKeys | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._tables = tables
        self._turns = turns
        self._reader = Reader(tables, turns, provider_keys)
        self._provider_keys = provider_keys
        self._models = models
        self._recall = recall
        self._seconds = seconds

    def prepare(self, tenant: str, session_id: str, request: ChatRequest) -> Prepared:
        """Prepare a turn.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: The model, the agent, a template or a tool's result is not valid; says which and why.
            ContextOverflow: The prompt has more tokens than there is room for.
            ModelRejected, ModelUnavailable: A summary or an embedding was needed and could not be made.
        """
        place = Place(tenant, session_id)
        talk = self._reader.read(place, request)
        settings = settings_of(talk.agent, request)
        model = str(settings.pop("model", "") or "")
        api_key = self._api_key(talk, request, model)
        resolved = self._models.resolve(model, api_key=api_key)
        limits = self._models.limits(model, api_key=api_key)
        session = talk.session
        room = overflow.room_of(
            resolved.model,
            limits,
            max_tokens=_whole(settings.get("max_tokens")),
            budget=session["token_budget"],
            mode=session["context_overflow"],
            ratio=talk.window.ratio,
        )
        sendable = [turn for turn in talk.turns if turn.number >= talk.start]
        entries = [entry for turn in sendable for entry in turn.said]
        check_results(entries, request.messages)
        docs = self._docs(talk, request, entries)
        prompt = prompt_of(talk, request, settings, docs)
        auto = session["auto_run_tools"] if request.auto_run_tools is None else request.auto_run_tools
        prepared = Prepared(
            conversation=talk,
            request=request,
            settings=settings,
            model=model,
            room=room,
            docs=docs,
            prompt=prompt,
            turns=sendable,
            auto=bool(auto) and not session["forward_tool_calls"],
            deadline=time.monotonic() + self._seconds,
            api_key=api_key,
        )
        self._fit(prepared)
        self._count(prepared)
        return prepared

    def tighten(self, prepared: Prepared) -> bool:
        """Make a prompt shorter that a provider has refused for its length; False when the session wants no such thing."""
        if prepared.room.mode is None:
            return False
        prepared.room = replace(prepared.room, ratio=prepared.room.ratio * _HARDER)
        before = len(prepared.turns)
        self._fit(prepared)
        return len(prepared.turns) < before

    def _api_key(self, talk: Conversation, request: ChatRequest, model: str) -> str | None:
        """The caller's key of the provider, else the developer's or the agent's secret of that name."""
        if request.api_key is not None or self._provider_keys is None or not talk.secrets:
            return request.api_key
        wanted = self._models.key_variables(model)
        return self._provider_keys.choose(talk.secrets, talk.place.tenant, talk.agent["id"], wanted)

    def _docs(self, talk: Conversation, request: ChatRequest, entries: Sequence[JsonObject]) -> list[JsonObject]:
        if not request.recall:
            return []
        said = [*entries, *request.messages]
        options = talk.session["recall_options"]
        return self._recall().find(talk.place.tenant, talk.owners, options, said, talk.pointer)

    def _fit(self, prepared: Prepared) -> None:
        """Choose the history that is sent; summarize what is too old where the session wants it.

        Raises:
            ContextOverflow: It does not fit, and nothing may be left out.
        """
        talk, prompt, room = prepared.conversation, prepared.prompt, prepared.room
        window = talk.window
        left = room.history(prompt) - window.summary_tokens
        wanted = max(window.back(max(left, 0)), window.start)
        if room.mode is None:
            if left < 0 or (window.tokens > left and prompt.recall_tools):
                raise room.refuse(prompt, window.tokens)
            wanted = window.start
        self._read_more(prepared, window.start if room.mode == "adaptive" else wanted)
        tokens = overflow.history_tokens(prompt, prepared.turns)
        if room.mode is None and tokens > left:
            raise room.refuse(prompt, tokens)
        if room.mode == "adaptive" and tokens > left:
            self._fold(prepared, left)
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

    def _fold(self, prepared: Prepared, left: int) -> None:
        """Put the oldest turns into a summary, in as many steps as the model needs to read them all."""
        talk = prepared.conversation
        most = int(prepared.room.most / prepared.room.ratio) - _SUMMARY_TOKENS
        count = overflow.to_fold(prepared.turns, prepared.prompt, max(left, 0) or most)
        text, window, seen = talk.summary, talk.window, talk.seen
        folded, rest = prepared.turns[:count], prepared.turns[count:]
        while folded:
            some = _first_of(folded, most)
            text = self._summary(prepared, text, some)
            made = summaries.keep(self._tables, talk.place, window, text, upto=some[-1], model=prepared.model)
            window, folded = made.window, folded[len(some) :]
        if text is not None and window is not talk.window:
            self._turns.note(talk.place, window, seen, {"summary": text})
            item = {**talk.item, "window": window.encode(), "summary": text}
            prepared.conversation = replace(talk, item=item, window=window, summary=text)
            prepared.turns = rest

    def _summary(self, prepared: Prepared, earlier: str | None, turns: Sequence[Turn]) -> str:
        completion = self._models.complete(
            summaries.prompt(earlier, turns, words=_SUMMARY_WORDS),
            model=prepared.model,
            settings={"max_tokens": _SUMMARY_TOKENS},
            api_key=prepared.api_key,
            seconds=prepared.seconds,
        )
        prepared.spent.add(completion)
        return str(completion["choices"][0]["message"]["content"] or "").strip()

    def _count(self, prepared: Prepared) -> None:
        """Have the provider count a prompt that is near the limit, and fit it again by what it says."""
        estimated = prepared.estimated
        if estimated * prepared.room.ratio < _COUNTED_FROM * prepared.room.most:
            return
        counted = self._models.count(
            prepared.messages(),
            model=prepared.model,
            settings=prepared.settings,
            tools=prepared.prompt.functions,
            api_key=prepared.api_key,
        )
        if counted is None or not estimated:
            return
        prepared.room = replace(prepared.room, ratio=counted / estimated)
        if counted > prepared.room.most:
            self._fit(prepared)


def settings_of(agent: JsonObject, request: ChatRequest) -> JsonObject:
    """The settings of a turn: the agent's model, its default settings, the request's, the later over the earlier."""
    given: JsonObject = {"model": agent["model"]} if agent.get("model") else {}
    for some in (agent.get("default_settings") or {}, request.settings):
        given |= {name: value for name, value in some.items() if value is not None}
    return given


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 1 else None


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
