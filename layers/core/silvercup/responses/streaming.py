"""The events of a response that is streamed, as OpenAI's client reads them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from silvercup.chat.asking import Line, Streaming
from silvercup.chat.calls import calls_of
from silvercup.chat.prepared import Prepared
from silvercup.chat.preparing import Preparer
from silvercup.errors import SilvercupError
from silvercup.llm.service import Models
from silvercup.responses.shapes import call_item, functions_first, message_item, search_item, search_status, text_part
from silvercup.tool_types import runs_here
from silvercup.values import JsonObject

_ENDS = {"completed": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}


def _nameless() -> JsonObject:
    return {"id": "", "function": {"name": "", "arguments": ""}}


@dataclass(slots=True)
class _Call:
    """A call that is being told.

    Attributes:
        place: Its place in the output; None before its name is known.
        call: What is known of it.
    """

    place: int | None = None
    call: JsonObject = field(default_factory=_nameless)


@dataclass(slots=True)
class _Round:
    """What a call of the model has said so far.

    Attributes:
        text: The words; None before the first.
        text_place: Their place in the output.
        calls: Calls of functions, by the model's number of them.
        ended: Whether the words are at their end.
    """

    text: str | None = None
    text_place: int = 0
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    ended: bool = False


class Writer:
    """Writes the events of a response, in order and numbered.

    The first is written with the model's first word, so that an error before it is an answer with a status of its own.

    Args:
        first: The response as it begins; or as it is, for ``replay``.
        searches: The names of tools that search the web.
    """

    def __init__(self, first: JsonObject, searches: frozenset[str]) -> None:
        self._response: JsonObject = first
        self._searches = searches
        self._emit: Callable[[JsonObject], None] | None = None
        self._number = 0
        self._places = 0
        self._round = _Round()
        self._searching: list[tuple[int, JsonObject]] = []
        self._status = "completed"

    @property
    def id(self) -> str:
        """The response's id."""
        return str(self._response["id"])

    def to(self, emit: Callable[[JsonObject], None]) -> None:
        """Say where events go."""
        self._emit = emit

    def text(self, words: str) -> None:
        """The model says something."""
        self._begin()
        said = self._round
        if said.text is None:
            said.text, said.text_place = "", self._next()
            item = message_item(self.id, said.text_place, None, status="in_progress")
            self._tell("response.output_item.added", output_index=said.text_place, item=item)
            self._tell_text("response.content_part.added", part=text_part(""))
        said.text += words
        self._tell_text("response.output_text.delta", delta=words, logprobs=[])

    def calls(self, parts: Sequence[JsonObject], returned: Callable[[str], bool]) -> None:
        """The model calls functions, part by part; those that the caller answers are told.

        Args:
            parts: The parts.
            returned: Whether the caller answers the calls of a function.
        """
        self._begin()
        for part in parts:
            function: JsonObject = part.get("function") or {}
            known = self._round.calls.setdefault(int(part.get("index", 0)), _Call())
            known.call["id"] = part.get("id") or known.call["id"]
            name = known.call["function"]["name"] = function.get("name") or known.call["function"]["name"]
            words = function.get("arguments") or ""
            known.call["function"]["arguments"] += words
            if not name or name in self._searches or not returned(name):
                continue
            if known.place is None:
                words = known.call["function"]["arguments"]
                self._add(known)
            if words:
                self._tell_call("response.function_call_arguments.delta", known, delta=words)

    def end_round(self, message: JsonObject, returned: Callable[[str], bool], *, last_status: str) -> None:
        """The model has ended.

        Args:
            message: What it said.
            returned: Whether the caller answers the calls of a function.
            last_status: The status of what it said.
        """
        self._begin()
        calls = calls_of(message)
        self._status = "completed" if calls else last_status
        if self._round.text is None and not calls and self._places == 0:
            self.text("")
        self._end_text()
        told = {one.call["id"]: one for one in self._round.calls.values() if one.place is not None}
        for call in functions_first(calls, self._searches):
            name = call["function"]["name"]
            if name in self._searches:
                self._search(call)
            elif returned(name):
                known = told.get(call["id"]) or self._add(_Call(call=call))
                self._end_call(known, last_status if call is calls[-1] else "completed")
        self._round = _Round()

    def begin_round(self, more: Sequence[JsonObject]) -> None:
        """The model is asked, perhaps again: what was searched is found.

        Args:
            more: What was said since the request.
        """
        results = {str(message.get("tool_call_id")): message for message in more if message["role"] == "tool"}
        self._end_searches({place: search_status(results.get(call["id"])) for place, call in self._searching})

    def finish(self, made: JsonObject) -> None:
        """The response has ended."""
        self._begin()
        self._end_searches({place: made["output"][place]["status"] for place, _ in self._searching})
        self._response = made
        self._tell(_ENDS[made["status"]], response=made)

    def replay(self, made: JsonObject) -> None:
        """A response that was made before, all at once."""
        self._response = {**made, "status": "in_progress", "output": [], "usage": None}
        self._begin()
        for index, item in enumerate(made["output"]):
            self._tell("response.output_item.added", output_index=index, item=item)
            self._tell("response.output_item.done", output_index=index, item=item)
        self._response = made
        self._tell(_ENDS[made["status"]], response=made)

    @contextmanager
    def failing(self) -> Generator[None]:
        """Tell of an error in an event, once there was one."""
        try:
            yield
        except SilvercupError as error:
            if not self._number:
                raise
            told = {"code": "server_error", "message": error.message}
            self._tell("response.failed", response={**self._response, "status": "failed", "error": told})

    def _begin(self) -> None:
        if not self._number:
            self._tell("response.created", response=self._response)
            self._tell("response.in_progress", response=self._response)

    def _next(self) -> int:
        self._places += 1
        return self._places - 1

    def _add(self, known: _Call) -> _Call:
        self._end_text()
        known.place = self._next()
        item = {**call_item(self.id, known.place, known.call, status="in_progress"), "arguments": ""}
        self._tell("response.output_item.added", output_index=known.place, item=item)
        return known

    def _end_text(self) -> None:
        said = self._round
        if said.text is None or said.ended:
            return
        said.ended = True
        self._tell_text("response.output_text.done", text=said.text, logprobs=[])
        self._tell_text("response.content_part.done", part=text_part(said.text))
        item = message_item(self.id, said.text_place, said.text, status=self._status)
        self._tell("response.output_item.done", output_index=said.text_place, item=item)

    def _end_call(self, known: _Call, status: str) -> None:
        assert known.place is not None
        item = call_item(self.id, known.place, known.call, status=status)
        self._tell_call("response.function_call_arguments.done", known, arguments=item["arguments"], name=item["name"])
        self._tell("response.output_item.done", output_index=known.place, item=item)

    def _search(self, call: JsonObject) -> None:
        place = self._next()
        item = search_item(self.id, place, call, status="in_progress")
        self._tell("response.output_item.added", output_index=place, item=item)
        for event in ("in_progress", "searching"):
            self._tell(f"response.web_search_call.{event}", output_index=place, item_id=item["id"])
        self._searching.append((place, call))

    def _end_searches(self, statuses: Mapping[int, str]) -> None:
        for place, call in self._searching:
            item = search_item(self.id, place, call, status=statuses[place])
            if item["status"] == "completed":
                self._tell("response.web_search_call.completed", output_index=place, item_id=item["id"])
            self._tell("response.output_item.done", output_index=place, item=item)
        self._searching = []

    def _tell_text(self, kind: str, **more: Any) -> None:
        place = self._round.text_place
        item = message_item(self.id, place, None, status="in_progress")
        self._tell(kind, item_id=item["id"], output_index=place, content_index=0, **more)

    def _tell_call(self, kind: str, known: _Call, **more: Any) -> None:
        assert known.place is not None
        item = call_item(self.id, known.place, known.call, status="in_progress")
        self._tell(kind, item_id=item["id"], output_index=known.place, **more)

    def _tell(self, kind: str, **more: Any) -> None:
        assert self._emit is not None
        self._emit({"type": kind, "sequence_number": self._number, **more})
        self._number += 1


class Telling(Streaming):
    """Asks a model for a stream and writes events of what it says."""

    def __init__(self, models: Models, preparer: Preparer, prepared: Prepared, line: Line, writer: Writer) -> None:
        super().__init__(models, preparer, prepared, line, _nowhere)
        self._writer = writer

    def once(self, more: Sequence[JsonObject], *, last: bool) -> JsonObject:
        """One call; see ``Streaming``."""
        self._writer.begin_round(more)
        completion = super().once(more, last=last)
        choice = completion["choices"][0]
        status = "incomplete" if choice["finish_reason"] in {"length", "content_filter"} else "completed"
        self._writer.end_round(choice["message"], self._returned, last_status=status)
        return completion

    def _hand_on(self, delta: JsonObject) -> None:
        if words := delta.get("content"):
            self._writer.text(words)
        if parts := delta.get("tool_calls"):
            self._writer.calls(parts, self._returned)

    def _returned(self, name: str) -> bool:
        tools = self.prepared.prompt.tools
        return not self.prepared.auto or (name in tools and not runs_here(tools[name]))


def _nowhere(_: JsonObject) -> None:
    """Chats' own parts are not sent."""
