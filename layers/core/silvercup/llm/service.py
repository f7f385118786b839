"""Calling a model by the name that the user knows it by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from silvercup.errors import InternalError, InvalidRequest, SilvercupError
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.llm.catalog import Catalog, Resolved
    from silvercup.llm.limits import Limits, LimitTable
    from silvercup.llm.model import ChatModel, ChunkStream, Completion, ModelRequest

COUNT_SECONDS = 5
"""How long a provider may take to count; nobody waits longer for it."""


class Models:
    """Resolves names with a catalog and calls the provider, which is made when first needed.

    Args:
        catalog: Which model a name stands for.
        factories: For each provider's name, what makes it. A factory may import an SDK; nothing else here does.
        limits: How much models read and write; the built-in table when absent.
    """

    def __init__(
        self, catalog: Catalog, factories: Mapping[str, Callable[[], ChatModel]], limits: LimitTable | None = None
    ) -> None:
        self.catalog = catalog
        self._limits = limits
        self._factories = factories
        self._made: dict[str, ChatModel] = {}
        self._lock = threading.Lock()

    def resolve(self, name: str | None, *, api_key: str | None = None) -> Resolved:
        """Which model would answer; see ``Catalog.resolve``."""
        return self.catalog.resolve(name, api_key=api_key)

    def names(self) -> list[str]:
        """The names to choose from."""
        return self.catalog.names()

    def limits(self, name: str | None, *, api_key: str | None = None) -> Limits:
        """How much the model that would answer reads and writes.

        Raises:
            InvalidRequest: There is no such model.
        """
        from silvercup.llm.limits import LimitTable

        table = self._limits = self._limits or LimitTable()
        return table.of(self.catalog.resolve(name, api_key=api_key).model)

    def key_variables(self, name: str | None) -> tuple[str, ...]:
        """The names of a developer's secrets that may be given as ``api_key``; see ``Catalog.key_variables``."""
        return self.catalog.key_variables(name)

    def complete(
        self,
        messages: Sequence[JsonObject],
        *,
        model: str | None = None,
        settings: JsonObject | None = None,
        tools: Sequence[JsonObject] = (),
        tool_choice: str | JsonObject | None = None,
        api_key: str | None = None,
        seconds: float | None = None,
    ) -> Completion:
        """Ask a model and wait for its whole answer.

        Args:
            messages: At least one.
            model: The name that the user gave; empty for the default.
            settings: v1's settings. Null ones and ``model`` are ignored; ``tools`` and ``tool_choice`` in them count where
                the arguments of these names are not given (v1's users passed tools so).
            tools: Function tools in OpenAI's form.
            tool_choice: See ``ModelRequest``.
            api_key: The caller's own key of the provider.
            seconds: How long it may take, all tries together; None for as long as the provider's adapter allows.

        Raises:
            InvalidRequest: The name is unknown (the message lists what there is), there is no message, or the key is not the provider's.
            ContextOverflow: The prompt is longer than the model reads.
            ModelRejected: The provider refused the request.
            ModelUnavailable: The provider is down, slow, or limits the rate.
        """
        chat_model, request = self._prepare(
            messages,
            model=model,
            settings=settings,
            tools=tools,
            tool_choice=tool_choice,
            api_key=api_key,
            seconds=seconds,
        )
        return chat_model.complete(request)

    def stream(
        self,
        messages: Sequence[JsonObject],
        *,
        model: str | None = None,
        settings: JsonObject | None = None,
        tools: Sequence[JsonObject] = (),
        tool_choice: str | JsonObject | None = None,
        api_key: str | None = None,
        seconds: float | None = None,
    ) -> ChunkStream:
        """As ``complete``, in parts. What ``InvalidRequest`` says is said at once, what the provider says at the first part.

        Close what it returns unless it was read to its end; any thread may do so (see ``ChunkStream``).
        """
        chat_model, request = self._prepare(
            messages,
            model=model,
            settings=settings,
            tools=tools,
            tool_choice=tool_choice,
            api_key=api_key,
            seconds=seconds,
        )
        return chat_model.stream(request)

    def count(
        self,
        messages: Sequence[JsonObject],
        *,
        model: str | None = None,
        settings: JsonObject | None = None,
        tools: Sequence[JsonObject] = (),
        api_key: str | None = None,
    ) -> int | None:
        """How many tokens a prompt has, as the provider counts them.

        Returns:
            None where it does not count for this model, or could not; ``tokens.estimate`` helps then.

        Raises:
            InvalidRequest: See ``complete``.
        """
        chat_model, request = self._prepare(
            messages,
            model=model,
            settings=settings,
            tools=tools,
            tool_choice=None,
            api_key=api_key,
            seconds=COUNT_SECONDS,
        )
        try:
            return chat_model.count(request)
        except SilvercupError:
            return None

    def _prepare(
        self,
        messages: Sequence[JsonObject],
        *,
        model: str | None,
        settings: JsonObject | None,
        tools: Sequence[JsonObject],
        tool_choice: str | JsonObject | None,
        api_key: str | None,
        seconds: float | None,
    ) -> tuple[ChatModel, ModelRequest]:
        if not messages:
            raise InvalidRequest("A model needs at least one message; the list of messages is empty")
        resolved = self.catalog.resolve(model, api_key=api_key)
        given = {name: value for name, value in (settings or {}).items() if value is not None and name != "model"}
        own_tools = cast("list[JsonObject]", given.pop("tools", None) or [])
        own_choice = cast("str | JsonObject | None", given.pop("tool_choice", None))
        from silvercup.llm.model import ModelRequest

        request = ModelRequest(
            model=resolved.model,
            messages=list(messages),
            settings=given,
            tools=list(tools) or own_tools,
            tool_choice=own_choice if tool_choice is None else tool_choice,
            requested_model=resolved.requested,
            api_key=api_key,
            seconds=seconds,
        )
        return self._provider(resolved.provider), request

    def _provider(self, name: str) -> ChatModel:
        with self._lock:
            if name not in self._made:
                factory = self._factories.get(name)
                if factory is None:
                    raise InternalError(f"No adapter is wired for the model provider {name!r}")
                self._made[name] = factory()
            return self._made[name]
