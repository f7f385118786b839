"""Prompts whose tools are called: the model is asked, its calls are carried out, and it is asked again, until it has answered.

Each round has a record of what the model said, and one for each call of a tool that is run here. The calls of other tools are answered
together, by a wait of the round. What was said so far is read from these records, so an invocation goes on where another stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any, cast

from silvercup.errors import RequestError, StepError, ToolFailed
from silvercup.executions.keys import RecordKey
from silvercup.executions.record import Record
from silvercup.runtime import prompt, tool
from silvercup.runtime.block import AGAIN, ASKED, Services, commit, draft_of, fail, mark
from silvercup.runtime.draft import Draft, arrival_after
from silvercup.runtime.said import Round, Said, open_calls, waited
from silvercup.runtime.situation import Situation
from silvercup.storage import Item
from silvercup.tool_types import MOST_ROUNDS, runs_here
from silvercup.tools.content import as_content
from silvercup.values import JsonObject, loads
from statemachines.ir import TalkOp

TALK_SECONDS = 40.0
"""After so long nothing is begun in the same invocation: a model or a tool may take 14 minutes, a function 15."""
_AT_ONCE = 8


def run_talk(services: Services, situation: Situation, prepared: Record, effect: RecordKey) -> Record:
    """Go on with the rounds of a prompt, and give the record that holds now.

    Args:
        services: What it works with.
        situation: What was read.
        prepared: The record that holds what the model is asked.
        effect: The key of the record that will hold its answer.

    Returns:
        The answer's record; or that of the last round, with ``go`` at ``AGAIN`` where another invocation has to go on, and at
        ``ASKED`` where calls have to be answered first.

    Raises:
        TransientError: What is called can't answer now; it is called again as it was written down.
    """
    return _Talk(services, situation, prepared, effect).run()


class _Talk:
    def __init__(self, services: Services, situation: Situation, prepared: Record, effect: RecordKey) -> None:
        self._services = services
        self._situation = situation
        self._prepared = prepared
        self._effect = effect
        self._op = cast("TalkOp", situation.block.ops[-1])
        self._call = cast("JsonObject", situation.load(cast("str", prepared.text_of_call)))
        self._tools = prompt.given_tools(situation, self._op)
        self._said = Said.read(services.store, situation, prepared)
        self._deadline = time.monotonic() + TALK_SECONDS
        self._begun = False

    def run(self) -> Record:
        while True:
            last = self._said.last
            if last is not None:
                here = [i for i in last.unanswered if self._runs(last.calls[i])]
                if here:
                    if self._is_late():
                        return self._stop(last.end, AGAIN)
                    self._carry_out(last, here)
                if last.unanswered:
                    return self._stop(last.record, ASKED)
            if self._is_late():
                return self._stop(self._said.end, AGAIN)
            answer = self._ask()
            if answer is not None:
                return answer

    def _runs(self, call: JsonObject) -> bool:
        """Whether a call is carried out here; one of a tool that is not there is, to say so."""
        found = self._tools.get(call["function"]["name"])
        return found is None or runs_here(found)

    def _is_late(self) -> bool:
        return self._begun and time.monotonic() > self._deadline

    def _stop(self, record: Record, go: int) -> Record:
        mark(self._services, self._situation, "running")
        return replace(record, go=go)

    def _draft(self, key: RecordKey, before: Record) -> Draft:
        return draft_of(self._services, self._situation, key, arrival_after(before))

    def _ask(self) -> Record | None:
        """Ask the model; gives the answer's record when it has answered."""
        self._begun = True
        situation, number = self._situation, len(self._said.rounds)
        last = number == MOST_ROUNDS
        key = RecordKey("round", f"{situation.path}+{number}")
        draft = self._draft(key, self._said.end)
        messages = [*self._call["messages"], *self._said.messages]
        used: Item = {}
        try:
            asked = {**self._call, "messages": messages, "tool_choice": self._choice(number)}
            completion = prompt.complete(self._services, situation, self._op, asked, draft.t, key, used)
        except (StepError, RequestError) as error:
            return fail(self._services, situation, self._draft(self._effect, self._said.end), self._op, error.message)
        message = cast("JsonObject", completion["choices"][0]["message"])
        if open_calls(message) and not last:
            draft.call = draft.values.add_value(completion)
            if not waited(self._said.end):
                draft.out = None
            self._said.add(Round(commit(self._services, situation, draft.build(), used), situation.load))
            return None
        return self._answer(completion, [*messages, message], used)

    def _choice(self, number: int) -> Any:
        """Which tool has to be called in a round: one that has to be called has to be called once."""
        choice = self._call.get("tool_choice")
        if number == MOST_ROUNDS:
            return "none"
        return choice if number == 0 or choice == "none" else None

    def _answer(self, completion: JsonObject, messages: list[JsonObject], used: Item) -> Record:
        op, draft = self._op, self._draft(self._effect, self._said.end)
        try:
            whole = {**completion, "usage": self._said.usage_with(completion), "messages": messages}
            draft.out = draft.outs[op.id] = draft.values.add_value(prompt.unwrapped(completion) if op.unwrap else whole)
            draft.close(op, draft.out)
        except StepError as error:
            return fail(self._services, self._situation, draft, op, error.message, used)
        return commit(self._services, self._situation, draft.build(), used)

    def _carry_out(self, last: Round, numbers: Sequence[int]) -> None:
        """Run calls side by side, and write each result down."""
        self._begun = True
        run = partial(self._run, last)
        for number, record in zip(numbers, _side_by_side(run, numbers), strict=True):
            last.take(number, record)

    def _run(self, last: Round, number: int) -> Record:
        call = last.calls[number]
        key = RecordKey("call", f"{last.record.key.path}.{number}")
        draft = self._draft(key, last.record)
        draft.call, draft.out = draft.values.add_value(as_content(self._result(call, last.record, key))), None
        return commit(self._services, self._situation, draft.build())

    def _result(self, call: JsonObject, asked: Record, key: RecordKey) -> Any:
        """What a call comes to; what a tool has to say against it is for the model."""
        name = str(call["function"]["name"])
        if name not in self._tools:
            return {"error": f"Tool {name!r} not found; there are: {', '.join(self._tools) or 'none'}"}
        try:
            arguments = _arguments(call)
            return tool.run(
                self._services, self._situation, self._tools[name], arguments, by_model=True, record=asked, key=key
            )
        except ToolFailed as error:
            return {"error": error.message}


def _side_by_side(run: Callable[[int], Record], numbers: Sequence[int]) -> list[Record]:
    if len(numbers) == 1:
        return [run(numbers[0])]
    contexts = [copy_context() for _ in numbers]
    with ThreadPoolExecutor(min(_AT_ONCE, len(numbers))) as pool:
        started = [pool.submit(context.run, run, number) for context, number in zip(contexts, numbers, strict=True)]
        return [one.result() for one in started]


def _arguments(call: JsonObject) -> JsonObject:
    given: Any = call["function"].get("arguments") or "{}"
    try:
        value = loads(given) if isinstance(given, str) else given
    except ValueError:
        raise ToolFailed("The arguments are no JSON") from None
    if not isinstance(value, dict):
        raise ToolFailed("The arguments are no JSON object")
    return cast("JsonObject", value)
