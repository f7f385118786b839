"""Calls of tools in a conversation: each has one result right behind it, and no result is without its call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from silvercup.chat.request import wrong
from silvercup.llm.model import NO_RESULT
from silvercup.values import JsonObject


def calls_of(message: JsonObject) -> list[JsonObject]:
    """The calls that a message makes."""
    return message.get("tool_calls") or []


def open_calls(messages: Iterable[JsonObject]) -> list[str]:
    """Ids of the calls of the last message that made any, as far as no result follows it."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "assistant":
            waiting = [call["id"] for call in calls_of(message)]
        elif message["role"] == "tool":
            waiting = [call_id for call_id in waiting if call_id != message.get("tool_call_id")]
        else:
            waiting = []
    return waiting


def check_results(history: Sequence[JsonObject], new: Sequence[JsonObject]) -> None:
    """Refuse a result that answers no call.

    Args:
        history: What was said before.
        new: What a caller sends.

    Raises:
        InvalidRequest: Says which, and which calls wait for a result.
    """
    waiting = open_calls(history)
    for index, message in enumerate(new):
        if message["role"] != "tool":
            waiting = open_calls([message])
            continue
        call_id = message.get("tool_call_id")
        if call_id not in waiting:
            there = ", ".join(waiting) or "none"
            raise wrong(
                f"messages[{index}].tool_call_id",
                f"{call_id!r} is the id of no call that waits for a result; those that wait: {there}",
                "send the id of a call in the last answer's tool_calls",
            )
        waiting.remove(call_id)


def paired(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The messages with a result behind every call: results are moved there, missing ones say so, strays are left out."""
    done: list[JsonObject] = []
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            continue
        done.append(message)
        if not (calls := calls_of(message)):
            continue
        results: dict[str, JsonObject] = {}
        for result in takewhile(_is_result, map(messages.__getitem__, range(place + 1, len(messages)))):
            results.setdefault(result.get("tool_call_id", ""), result)
        done.extend(
            results.get(call["id"]) or {"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT}
            for call in calls
        )
    return done


def _is_result(message: JsonObject) -> bool:
    return message["role"] == "tool"
