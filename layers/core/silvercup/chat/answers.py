"""The shapes of a chat's answers, as v1 has them."""

from __future__ import annotations

from collections.abc import Sequence

from silvercup.chat.turns import Turn
from silvercup.errors import SilvercupError
from silvercup.llm.model import usage
from silvercup.times import iso
from silvercup.values import JsonObject


def whole(
    *, id_: str, t: int, docs: Sequence[JsonObject], message: JsonObject, finish_reason: str, used: JsonObject
) -> JsonObject:
    """The answer of a chat.

    Args:
        id_: Its id.
        t: When it was made, microseconds since the epoch.
        docs: What was recalled.
        message: What the agent said.
        finish_reason: ``stop``, ``length``, ``content_filter`` or ``tool_calls``.
        used: Tokens of all calls of the model.
    """
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": finish_reason}
    if message.get("tool_calls"):
        choice["tool_calls"] = message["tool_calls"]
    return {"id": id_, "created_at": iso(t), "jobs": [], "docs": [*docs], "usage": used, "choices": [choice]}


def part(
    *,
    id_: str,
    t: int,
    docs: Sequence[JsonObject] = (),
    delta: JsonObject | None = None,
    finish_reason: str | None = None,
    used: JsonObject | None = None,
) -> JsonObject:
    """A part of a streamed answer; ``finish_reason`` and ``usage`` are null in all but the last."""
    shown: JsonObject = {"role": "assistant", "content": "", **(delta or {})}
    choice: JsonObject = {"index": 0, "delta": shown, "finish_reason": finish_reason}
    if shown.get("tool_calls"):
        choice["tool_calls"] = shown["tool_calls"]
    return {"id": id_, "created_at": iso(t), "jobs": [], "docs": [*docs], "usage": used, "choices": [choice]}


def in_parts(answer: JsonObject) -> list[JsonObject]:
    """An answer that is there already as the parts of a stream: all that was said, and the end."""
    choice = answer["choices"][0]
    message = choice["message"]
    delta: JsonObject = {"content": message.get("content") or ""}
    if message.get("tool_calls"):
        delta["tool_calls"] = numbered(message["tool_calls"])
    head = {name: answer[name] for name in ("id", "created_at", "jobs", "docs")}
    said = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
    end = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": choice["finish_reason"]}
    return [{**head, "usage": None, "choices": [said]}, {**head, "usage": answer["usage"], "choices": [end]}]


def numbered(calls: Sequence[JsonObject]) -> list[JsonObject]:
    """Calls of tools as a delta has them."""
    return [{"index": index, **call} for index, call in enumerate(calls)]


def broken(id_: str, t: int, error: SilvercupError) -> JsonObject:
    """The last part of a stream that failed on its way."""
    told = {"message": error.message, "code": error.code, "type": type(error).__name__}
    return {"id": id_, "created_at": iso(t), "jobs": [], "docs": [], "usage": None, "choices": [], "error": told}


def repeated(turn: Turn, docs: Sequence[JsonObject]) -> JsonObject:
    """The answer of a turn that is kept, for a client that sends its request again."""
    said = next((entry for entry in reversed(turn.entries) if entry["role"] == "assistant"), None)
    entry: JsonObject = said or {"role": "assistant", "content": ""}
    message = {name: entry[name] for name in ("role", "content", "tool_calls") if name in entry}
    answered = {one.get("tool_call_id") for one in turn.entries if one["role"] == "tool"}
    if calls := [call for call in message.pop("tool_calls", ()) if call["id"] not in answered]:
        message["tool_calls"] = calls
    return whole(
        id_=turn.id,
        t=turn.t,
        docs=docs,
        message=message,
        finish_reason=str(entry.get("finish_reason") or "stop"),
        used=usage(*(turn.used or (0, 0))),
    )
