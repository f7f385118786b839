"""Asking the model of a turn: at once, or as a stream that is handed on as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from silvercup.chat import answers
from silvercup.chat.prepared import Prepared
from silvercup.chat.preparing import Preparer
from silvercup.chat.rounds import Outcome, Stopped
from silvercup.chat.streaming import Gathered
from silvercup.errors import ContextOverflow, SilvercupError
from silvercup.llm.model import ChunkStream
from silvercup.llm.service import Models
from silvercup.llm.tokens import estimate
from silvercup.values import JsonObject


class Asking:
    """Asks a model at once, and again with a shorter prompt when it refuses one for its length."""

    def __init__(self, models: Models, preparer: Preparer, prepared: Prepared) -> None:
        self._models = models
        self._preparer = preparer
        self.prepared = prepared

    def __call__(self, more: Sequence[JsonObject], *, last: bool) -> JsonObject:
        """See ``rounds.Asker``."""
        while True:
            try:
                return self.once(more, last=last)
            except ContextOverflow:
                if not self._preparer.tighten(self.prepared):
                    raise

    def once(self, more: Sequence[JsonObject], *, last: bool) -> JsonObject:
        """One call."""
        return self._models.complete(self.prepared.messages(more), **self.arguments(first=not more, last=last))

    def arguments(self, *, first: bool, last: bool) -> dict[str, Any]:
        """The arguments of a call; a tool that has to be called has to be called once."""
        prepared = self.prepared
        choice = prepared.request.tool_choice
        if not first and choice != "none":
            choice = None
        return {
            "model": prepared.model,
            "settings": prepared.settings,
            "tools": prepared.prompt.functions,
            "tool_choice": "none" if last and prepared.prompt.functions else choice,
            "api_key": prepared.api_key,
            "seconds": prepared.seconds,
        }


class Line:
    """The line from a model to the client that is sent its answer in parts.

    Attributes:
        id: The answer's id.
        t: When it began, microseconds since the epoch.
        closed: Whether the client has gone away.
    """

    def __init__(self, id_: str, t: int) -> None:
        self.id = id_
        self.t = t
        self.closed = False
        self._lock = threading.Lock()
        self._reading: ChunkStream | None = None

    def open(self, stream: ChunkStream) -> None:
        """Take a model's stream; it is closed with the line."""
        with self._lock:
            self._reading = stream
            if self.closed:
                stream.close()

    def close(self) -> None:
        """The client has gone away: the model is stopped. Any thread may call it."""
        with self._lock:
            self.closed = True
            if self._reading is not None:
                self._reading.close()


class Streaming(Asking):
    """Asks a model for a stream and hands it on as it comes.

    Calls of tools are handed on as they come too, unless some of them may be run here: then those that are the client's come at the end.
    """

    def __init__(
        self,
        models: Models,
        preparer: Preparer,
        prepared: Prepared,
        line: Line,
        emit: Callable[[JsonObject], None],
    ) -> None:
        super().__init__(models, preparer, prepared)
        self._line = line
        self._emit = emit
        self._begun = False

    def once(self, more: Sequence[JsonObject], *, last: bool) -> JsonObject:
        """One call; what it says is handed on.

        Raises:
            Stopped: The client has gone away.
        """
        gathered = Gathered()
        messages = self.prepared.messages(more)
        chunks = self._models.stream(messages, **self.arguments(first=not more, last=last))
        self._line.open(chunks)
        try:
            for chunk in chunks:
                self._hand_on(gathered.add(chunk))
                if self._line.closed:
                    break
        except SilvercupError:
            if not self._line.closed:
                raise
        finally:
            chunks.close()
        if self._line.closed and gathered.finish_reason is None:
            self._estimate(messages, gathered)
            raise Stopped(gathered.message)
        return gathered.completion

    def finish(self, outcome: Outcome) -> None:
        """The last parts: calls that were held back, and why the model stopped."""
        if self.prepared.auto and (calls := outcome.message.get("tool_calls")):
            self._part(delta={"tool_calls": answers.numbered(calls)})
        self._part(end=True, finish_reason=outcome.finish_reason, used=self.prepared.spent.usage)

    def _hand_on(self, delta: JsonObject) -> None:
        shown = {"content": text} if (text := delta.get("content")) else {}
        if delta.get("tool_calls") and not self.prepared.auto:
            shown["tool_calls"] = delta["tool_calls"]
        if shown or not self._begun:
            self._part(delta=shown)

    def _part(self, *, end: bool = False, **more: Any) -> None:
        docs = self.prepared.docs if end or not self._begun else ()
        self._begun = True
        self._emit(answers.part(id_=self._line.id, t=self._line.t, docs=docs, **more))

    def _estimate(self, messages: Sequence[JsonObject], gathered: Gathered) -> None:
        """What a call used, about, whose end never came."""
        used = {"prompt_tokens": estimate(messages), "completion_tokens": estimate(gathered.message)}
        self.prepared.spent.add({"model": gathered.model, "usage": used})
