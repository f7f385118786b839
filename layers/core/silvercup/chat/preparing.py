"""Everything of a turn that comes before the model is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from silvercup.chat import overflow
from silvercup.chat.assembly import check_choice, prompt_of
from silvercup.chat.calls import check_results
from silvercup.chat.fitting import Fitter
from silvercup.chat.prepared import Prepared, settings_of
from silvercup.chat.reading import Conversation, Reader
from silvercup.chat.recall import Recall
from silvercup.chat.request import ChatRequest
from silvercup.chat.turn_store import TurnStore
from silvercup.chat.turns import Place
from silvercup.llm.service import Models
from silvercup.resources.secret_values import ProviderKeys
from silvercup.storage import Tables
from silvercup.values import JsonObject

SECONDS = 14 * 60.0
"""How long a turn may take: a function lives for 15 minutes."""


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
        self._reader = Reader(tables, turns, provider_keys)
        self._fitter = Fitter(tables, turns, self._reader, models)
        self._provider_keys = provider_keys
        self._models = models
        self._recall = recall
        self._spend = spend
        self._seconds = seconds

    def prepare(self, tenant: str, session_id: str, request: ChatRequest) -> Prepared:
        """Prepare a turn; one that has had its answer is not checked against what was said since.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: The model, the agent, a template, a tool's result or the choice of a tool is not valid; says which and why.
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
            check_choice(talk, request)
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
            self._fitter.fit(prepared)
        except BaseException:
            self._spend(prepared)
            raise
        return prepared

    def tighten(self, prepared: Prepared) -> bool:
        """Make a prompt shorter that a provider has refused for its length; False when the session wants no such thing."""
        return self._fitter.tighten(prepared)

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


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 1 else None
