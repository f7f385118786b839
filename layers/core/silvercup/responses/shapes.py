"""The shapes of responses and of the items of their output, as OpenAI's client reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from silvercup.chat.calls import calls_of
from silvercup.chat.recall import text_of
from silvercup.responses.ids import item_id
from silvercup.values import JsonObject, loads

type Output = list[JsonObject]

_NEW = frozenset({"api_response", "tool_request", "tool_response"})
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why an answer is incomplete, by why the model stopped."""


def response(
    id_: str,
    *,
    t: int,
    shown: JsonObject,
    model: str,
    status: str,
    output: Output,
    reason: str | None = None,
    used: JsonObject | None = None,
    session: str | None = None,
    error: JsonObject | None = None,
) -> JsonObject:
    """A response.

    Args:
        id_: Its id.
        t: When it was asked for, microseconds since the epoch.
        shown: See ``ResponseRequest``.
        model: What answers.
        status: ``in_progress``, ``completed``, ``incomplete`` or ``failed``.
        output: Its items.
        reason: Why it is incomplete.
        used: ``{prompt_tokens, completion_tokens, total_tokens}``; None while that is not known.
        session: Where it is kept.
        error: ``{code, message}`` where it failed.
    """
    return {
        "id": id_,
        "object": "response",
        "created_at": t // 1_000_000,
        "status": status,
        "background": False,
        "error": error,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": model,
        "output": output,
        "usage": None if used is None else usage_of(used),
        "conversation": {"id": session} if session else None,
        **shown,
    }


def usage_of(used: JsonObject) -> JsonObject:
    """The tokens of all calls of the model."""
    return {
        "input_tokens": used["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": used["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used["total_tokens"],
    }


def status_of(entries: Sequence[JsonObject]) -> tuple[str, str | None]:
    """The status of an answer, and why it is incomplete where it is."""
    last = next((entry for entry in reversed(entries) if entry["role"] == "assistant"), None)
    if last is None or last.get("interrupted"):
        return "incomplete", None
    reason = _REASONS.get(str(last.get("finish_reason")))
    return ("incomplete" if reason else "completed"), reason


def output_of(id_: str, entries: Iterable[JsonObject], searches: frozenset[str]) -> Output:
    """The items that a turn's answer consists of.

    Args:
        id_: The response's id.
        entries: The turn's entries.
        searches: The names of tools that search the web.
    """
    answer = [entry for entry in entries if entry["source"] in _NEW]
    results = {str(entry.get("tool_call_id")): entry for entry in answer if entry["role"] == "tool"}
    last = "incomplete" if status_of(answer)[0] == "incomplete" else "completed"
    said = [entry for entry in answer if entry["role"] == "assistant"]
    output: Output = []
    for entry in said:
        text, calls = text_of(entry.get("content")), calls_of(entry)
        status = last if entry is said[-1] else "completed"
        if text or (entry is said[-1] and not output and not calls):
            output.append(message_item(id_, len(output), text, status="completed" if calls else status))
        for call in functions_first(calls, searches):
            result = results.get(call["id"])
            if call["function"]["name"] in searches:
                output.append(search_item(id_, len(output), call, status=search_status(result)))
            elif result is None:
                cut = status if call is calls[-1] else "completed"
                output.append(call_item(id_, len(output), call, status=cut))
    return output


def functions_first(calls: Sequence[JsonObject], searches: frozenset[str]) -> list[JsonObject]:
    """Calls in the order of an output: those of functions, which a stream tells of as they come, before the searches."""
    return sorted(calls, key=lambda call: call["function"]["name"] in searches)


def message_item(id_: str, index: int, text: str | None, *, status: str) -> JsonObject:
    """What the model said; without a text it is about to begin."""
    content = [] if text is None else [text_part(text)]
    made = {"type": "message", "status": status, "role": "assistant", "content": content}
    return {"id": item_id("message", id_, index), **made}


def text_part(text: str) -> JsonObject:
    """A text in a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(id_: str, index: int, call: JsonObject, *, status: str) -> JsonObject:
    """A call of a function, for the caller to answer."""
    function = call["function"]
    made = {"type": "function_call", "status": status, "call_id": call["id"], "name": function["name"]}
    return {"id": item_id("function_call", id_, index), **made, "arguments": function.get("arguments") or "{}"}


def search_status(result: JsonObject | None) -> str:
    """The status of a search, by the message that holds its result."""
    return "completed" if result and not text_of(result.get("content")).startswith('{"error":') else "failed"


def search_item(id_: str, index: int, call: JsonObject, *, status: str) -> JsonObject:
    """A search of the web."""
    query = _query(call)
    action = {"type": "search", "query": query, "queries": [query]}
    return {
        "id": item_id("web_search_call", id_, index),
        "type": "web_search_call",
        "status": status,
        "action": action,
    }


def _query(call: JsonObject) -> str:
    try:
        found: Any = loads(call["function"].get("arguments") or "{}")
    except ValueError:
        return ""
    return str(found.get("query") or "") if isinstance(found, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
