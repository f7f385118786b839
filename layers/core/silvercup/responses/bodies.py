"""The body of a request for a response: what is not well formed or not served is refused, saying where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from silvercup.responses.items import messages_of
from silvercup.responses.request import ResponseRequest, wrong
from silvercup.responses.tools import choice_of, tools_of
from silvercup.values import JsonObject

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_SETTINGS = (
    "model",
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
)
_NOT_SERVED: dict[str, tuple[tuple[Any, ...], str]] = {
    "background": ((False,), "the answer comes with the request; leave it out"),
    "include": (([],), "nothing more can be shown; leave it out"),
    "conversation": ((), "use previous_response_id"),
    "prompt": ((), "send the text itself, as instructions"),
    "max_tool_calls": ((), "leave it out"),
    "top_logprobs": ((0,), "leave it out"),
    "n": ((1,), "a response is one answer; leave it out"),
}
"""Fields that mean something which is not done: the values that change nothing, and what to do."""


def request_of(
    body: JsonObject, search_key: Callable[[], str | None], *, api_key: str | None = None
) -> ResponseRequest:
    """What a body asks for; a field that is absent or null means its default.

    Args:
        body: OpenAI's ``CreateResponse``, as far as v1 had it.
        search_key: Gives the key of Brave's search, when one is needed.
        api_key: The caller's own key of the model's provider.

    Raises:
        InvalidRequest: Something in it is not well formed, or is not served; says what.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, (harmless, advice) in _NOT_SERVED.items():
        if name in given and given[name] not in harmless:
            raise wrong(name, f"is not served: {advice}")
    if "input" not in given:
        raise wrong("input", "is missing; send a text, or a list of items")
    messages, places = messages_of(given["input"])
    tools, shown_tools = tools_of(given.get("tools") or (), search_key)
    choice, shown_choice = choice_of(given.get("tool_choice"), tools)
    form, shown_form = _format(given.get("text"))
    effort = _effort(given.get("reasoning"))
    most = given.get("max_output_tokens", given.get("max_tokens"))
    settings: JsonObject = {name: given[name] for name in _SETTINGS if name in given}
    settings |= {
        name: value
        for name, value in (("max_tokens", most), ("response_format", form), ("reasoning_effort", effort))
        if value is not None
    }
    shown: JsonObject = {
        "instructions": given.get("instructions"),
        "max_output_tokens": most,
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": given.get("previous_response_id"),
        "reasoning": {"effort": effort, "summary": None},
        "store": given.get("store", True),
        "temperature": given.get("temperature", 1.0),
        "text": {"format": shown_form},
        "tool_choice": shown_choice,
        "tools": shown_tools,
        "top_p": given.get("top_p", 1.0),
        "truncation": given.get("truncation", "disabled"),
        "user": given.get("user"),
        "metadata": given.get("metadata", {}),
    }
    return ResponseRequest(messages, places, tools, settings, choice, shown, api_key)


def _format(text: Any) -> tuple[JsonObject | None, JsonObject]:
    """The form of the answer as a chat has it, and as the response shows it."""
    found: Any = cast("JsonObject", text or {}).get("format")
    match found:
        case None | {"type": "text"}:
            return None, {"type": "text"}
        case {"type": "json_object"}:
            return {"type": "json_object"}, {"type": "json_object"}
        case {"type": "json_schema", "name": str(name), "schema": dict()} if name:
            form = cast("JsonObject", found)
            inner = {key: form[key] for key in ("name", "schema", "strict", "description") if form.get(key) is not None}
            return {"type": "json_schema", "json_schema": inner}, {"type": "json_schema", **inner}
        case {"type": "json_schema"}:
            raise wrong("text.format", "a json_schema has name and schema beside its type")
        case _:
            raise wrong("text.format.type", "must be text, json_object or json_schema")


def _effort(reasoning: Any) -> str | None:
    given = cast("JsonObject", reasoning or {})
    for name in ("generate_summary", "summary"):
        if given.get(name) is not None:
            raise wrong(f"reasoning.{name}", "is not served: what a model thinks is not shown; leave it out")
    effort = given.get("effort")
    if effort is not None and effort not in EFFORTS:
        raise wrong("reasoning.effort", f"is {str(effort)[:40]!r}; it is one of {', '.join(EFFORTS)}")
    return effort
