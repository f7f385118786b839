"""The rounds of a turn: the model is asked, tools that run here are run, and it is asked again, until it has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from silvercup.chat.calls import calls_of
from silvercup.chat.request import Entry, entry_of
from silvercup.errors import SilvercupError
from silvercup.llm.model import usage
from silvercup.tool_types import MOST_ROUNDS
from silvercup.tools.content import as_content
from silvercup.values import JsonObject, loads

_AT_ONCE = 8


class Asker(Protocol):
    """Asks the model, in whatever way: at once or as a stream."""

    def __call__(self, more: Sequence[JsonObject], *, last: bool) -> JsonObject:
        """The model's completion.

        Args:
            more: What was said in this turn since the caller's messages.
            last: Whether it has to answer without calling tools.

        Raises:
            ModelRejected, ModelUnavailable: As ``ChatModel``.
            Stopped: The client has gone away.
        """
        ...


type Run = Callable[[JsonObject, JsonObject, str], Any]
"""Runs a tool: (tool, arguments, id of the call) -> its result; raises a SilvercupError that says why it failed."""


class Stopped(Exception):
    """The client went away; ``said`` is what the model had said so far."""

    def __init__(self, said: JsonObject) -> None:
        super().__init__("the client went away")
        self.said = said


@dataclass(slots=True)
class Spent:
    """What the calls of a model used.

    Attributes:
        calls: (the model that answered, prompt tokens, completion tokens) of each.
    """

    calls: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])

    def add(self, completion: JsonObject) -> None:
        """One more call."""
        used: Mapping[str, int] = completion.get("usage") or {}
        model = str(completion.get("model") or "")
        self.calls.append((model, used.get("prompt_tokens") or 0, used.get("completion_tokens") or 0))

    @property
    def usage(self) -> JsonObject:
        """The sum, as an answer shows it."""
        return usage(sum(call[1] for call in self.calls), sum(call[2] for call in self.calls))


@dataclass(slots=True)
class Outcome:
    """How a turn ended.

    Attributes:
        entries: What was said after the caller's messages.
        message: The answer.
        finish_reason: Why the model stopped.
        first_prompt_tokens: What the provider counted for the first prompt; 0: it did not say.
        interrupted: Whether the client went away before it ended.
    """

    entries: list[Entry]
    message: JsonObject
    finish_reason: str
    first_prompt_tokens: int = 0
    interrupted: bool = False


def play(
    ask: Asker, run: Run, tools: Mapping[str, JsonObject], spent: Spent, *, runs: Callable[[str], bool]
) -> Outcome:
    """Play the rounds of a turn.

    Args:
        ask: Asks the model.
        run: Runs a tool.
        tools: The tools of the chat, by name.
        spent: Takes down what the calls used; of rounds that fail too.
        runs: Whether the tool of a name is run here; all others are the caller's.

    Raises:
        SilvercupError: The model can't answer.
    """
    entries: list[Entry] = []
    more: list[JsonObject] = []
    first_tokens = 0
    for round_ in range(MOST_ROUNDS + 1):
        try:
            completion = ask(more, last=round_ == MOST_ROUNDS)
        except Stopped as stopped:
            message = {**stopped.said, "role": "assistant"}
            kept = entry_of({**message, "tool_calls": None}, "api_response", interrupted=True)
            return Outcome([*entries, kept], message, "stop", first_tokens, interrupted=True)
        spent.add(completion)
        first_tokens = first_tokens or spent.calls[-1][1]
        choice: JsonObject = completion["choices"][0]
        message, finish = dict(choice["message"]), str(choice["finish_reason"])
        calls = calls_of(message)
        here = [call for call in calls if runs(call["function"]["name"])]
        if not here or round_ == MOST_ROUNDS:
            return Outcome(
                [*entries, entry_of(message, "api_response", finish_reason=finish)], message, finish, first_tokens
            )
        results = _results(run, tools, here)
        theirs = [call for call in calls if call not in here]
        source = "api_response" if theirs else "tool_request"
        entries.append(entry_of(message, source, **({"finish_reason": finish} if theirs else {})))
        entries.extend(entry_of(result, "tool_response") for result in results)
        if theirs:
            return Outcome(entries, {**message, "tool_calls": theirs}, "tool_calls", first_tokens)
        more.extend([message, *results])
    raise AssertionError("the last round always ends the turn")


def _results(run: Run, tools: Mapping[str, JsonObject], calls: Sequence[JsonObject]) -> list[JsonObject]:
    """The results of some calls, in their order; what a tool has to say against a call is its result."""
    if len(calls) == 1:
        return [_result(run, tools, calls[0])]
    contexts = [copy_context() for _ in calls]
    with ThreadPoolExecutor(min(_AT_ONCE, len(calls))) as runners:
        return [*runners.map(partial(_in_context, run, tools), contexts, calls)]


def _in_context(run: Run, tools: Mapping[str, JsonObject], context: Context, call: JsonObject) -> JsonObject:
    return context.run(_result, run, tools, call)


def _result(run: Run, tools: Mapping[str, JsonObject], call: JsonObject) -> JsonObject:
    name = str(call["function"]["name"])
    try:
        arguments = arguments_of(call)
    except ValueError as error:
        found: Any = {"error": f"The arguments are no JSON object: {error}"}
    else:
        try:
            found = run(tools[name], arguments, str(call["id"])) if name in tools else _unknown(name, tools)
        except SilvercupError as error:
            found = {"error": error.message}
    return {"role": "tool", "tool_call_id": call["id"], "name": name, "content": as_content(found)}


def arguments_of(call: JsonObject) -> JsonObject:
    """The arguments of a call.

    Raises:
        ValueError: They are no JSON object.
    """
    given = call["function"].get("arguments") or "{}"
    value = loads(given) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise ValueError(f"it is {type(value).__name__}")
    return value  # pyright: ignore[reportUnknownVariableType]


def _unknown(name: str, tools: Iterable[str]) -> JsonObject:
    return {"error": f"Tool {name!r} not found; there are: {', '.join(tools) or 'none'}"}
