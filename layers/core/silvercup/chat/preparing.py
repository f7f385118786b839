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
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place, Turn
from silvercup.errors import ContextOverflow, ModelUnavailable
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
_FAR = 2
"""A prompt that is estimated at so many times its room is refused without being counted."""
_ASKING_TOKENS = 200
"""What is sent beside the turns, and the summary before, to have them summarized."""
_TOKENS_OF_WORD = 3


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
        spend: Writes down what a turn used that is not kept.
        provider_keys: Developers' own keys of models' providers; None: there are none.
        seconds: How long a turn may take.
    """

    def __init__(
        self,
        tables: Tables,
        turns: TurnStore,
        models: Models,
        recall: Callable[[], Recall],
        spend: Callable[[Prepared], None],
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
        self._spend = spend
        self._seconds = seconds

    def prepare(self, tenant: str, session_id: str, request: ChatRequest) -> Prepared:
        """Prepare a turn; one that has had its answer is not checked against what was said since.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: The model, the agent, a template or a tool's result is not valid; says which and why.
            ContextOverflow: The prompt has more tokens than there is room for.
            ModelRejected, ModelUnavailable: A summary or an embedding was needed and could not be made.
        """
        return self.ready(self._reader.read(Place(tenant, session_id), request), request)

    def ready(self, talk: Conversation, request: ChatRequest) -> Prepared:
        """Prepare a turn of a conversation that was read.

        Raises:
            InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``prepare``.
        """
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
        done = talk.answered(request) if request.again else None
        end = talk.window.turns if done is None else done.number
        sendable = [turn for turn in talk.turns if talk.start <= turn.number < end]
        entries = [entry for turn in sendable for entry in turn.said]
        if done is None:
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
        if done is not None:
            return prepared
        try:
            self._fit_by_count(prepared)
        except BaseException:
            self._spend(prepared)
            raise
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
        if request.api_key is not None or self._provider_keys is None:
            return request.api_key
        tenant, agent_id = talk.place.tenant, talk.agent.get("id")
        found = talk.secrets
        if found is None:
            found = self._tables.get_many(self._provider_keys.keys(tenant, agent_id))
        return self._provider_keys.choose(found, tenant, agent_id, self._models.key_variables(model)) if found else None

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

    def _fit_by_count(self, prepared: Prepared) -> None:
        """Fit a prompt by our estimate; near the limit the provider is asked to count, where it can, and its word holds.

        A conversation whose oldest turns may go is near its limit in every turn. What the provider counted in the last one is enough
        there: a prompt that it refuses all the same is made shorter.
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
